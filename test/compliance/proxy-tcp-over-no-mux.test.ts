import { proxyTcpSuite } from './proxy-tcp.ts'

proxyTcpSuite({
  name: 'tcp without multiplexing',
  protocol: 'tcp',
  client: { tcpMux: false },
  server: { tcpMux: false },
})
