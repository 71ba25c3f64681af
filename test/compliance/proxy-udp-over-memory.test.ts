import { proxyUdpSuite } from './proxy-udp.ts'

proxyUdpSuite({ name: 'memory', protocol: 'memory' })
