import { udpSuite } from './udp.ts'

udpSuite({ frps: 'ours', frpc: 'real' })
