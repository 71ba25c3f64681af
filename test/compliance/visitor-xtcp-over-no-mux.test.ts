import { visitorStreamSuite } from './visitor-stream.ts'

visitorStreamSuite({
  name: 'tcp without multiplexing',
  protocol: 'tcp',
  client: { tcpMux: false },
  server: { tcpMux: false },
}, 'xtcp')
