import { visitorPacketsSuite } from './visitor-packets.ts'

visitorPacketsSuite({ name: 'memory', protocol: 'memory' }, 'sudp')
