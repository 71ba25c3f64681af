import { visitorPacketsSuite } from './visitor-packets.ts'

visitorPacketsSuite({
  name: 'tcp without multiplexing',
  protocol: 'tcp',
  client: { tcpMux: false },
  server: { tcpMux: false },
}, 'sudp')
