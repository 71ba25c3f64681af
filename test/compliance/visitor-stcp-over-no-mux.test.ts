import { visitorStcpSuite } from './visitor-stcp.ts'

visitorStcpSuite({
  name: 'tcp without multiplexing',
  protocol: 'tcp',
  client: { tcpMux: false },
  server: { tcpMux: false },
})
