import { visitorSudpSuite } from './visitor-sudp.ts'

visitorSudpSuite({
  name: 'tcp without multiplexing',
  protocol: 'tcp',
  client: { tcpMux: false },
  server: { tcpMux: false },
})
