import { proxyTcpSuite } from './proxy-tcp.ts'

proxyTcpSuite({ name: 'tcp', protocol: 'tcp' })
