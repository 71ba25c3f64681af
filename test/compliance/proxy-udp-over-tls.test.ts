import { proxyUdpSuite } from './proxy-udp.ts'

proxyUdpSuite({ name: 'tls', protocol: 'tcp' })
