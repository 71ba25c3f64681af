import { proxyUdpSuite } from './proxy-udp.ts'

proxyUdpSuite({ name: 'quic', protocol: 'quic' })
