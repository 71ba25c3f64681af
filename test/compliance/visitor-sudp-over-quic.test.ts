import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { visitorSudpSuite } from './visitor-sudp.ts'

const support = await quicSupport()
if (support === true) visitorSudpSuite({ name: 'quic', protocol: 'quic' })
else t.test('quic', { skip: support }, async () => {})
