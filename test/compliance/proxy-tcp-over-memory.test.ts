import { proxyTcpSuite } from './proxy-tcp.ts'

proxyTcpSuite({ name: 'memory', protocol: 'memory' })
