import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { visitorPacketsSuite } from './visitor-packets.ts'

const support = await quicSupport()
if (support === true) visitorPacketsSuite({ name: 'quic', protocol: 'quic' }, 'xtcp')
else t.test('quic', { skip: support }, async () => {})
