import { udpSuite } from './udp.ts'

udpSuite({ frps: 'real', frpc: 'ours' })
