import { proxyUdpSuite } from './proxy-udp.ts'

proxyUdpSuite({
  name: 'no mux',
  protocol: 'tcp',
  client: { tcpMux: false },
  server: { tcpMux: false },
})
