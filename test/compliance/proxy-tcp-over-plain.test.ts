import { proxyTcpSuite } from './proxy-tcp.ts'

proxyTcpSuite({ name: 'tcp without TLS', protocol: 'tcp', client: { tls: { enable: false } } })
