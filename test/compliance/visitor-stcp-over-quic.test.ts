import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { visitorStreamSuite } from './visitor-stream.ts'

const support = await quicSupport()
if (support === true) visitorStreamSuite({ name: 'quic', protocol: 'quic' }, 'stcp')
else t.test('quic', { skip: support }, async () => {})
