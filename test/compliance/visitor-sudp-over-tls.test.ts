import { visitorPacketsSuite } from './visitor-packets.ts'

visitorPacketsSuite({ name: 'tcp', protocol: 'tcp' }, 'sudp')
