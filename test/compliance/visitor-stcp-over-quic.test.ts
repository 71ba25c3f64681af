import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { visitorStcpSuite } from './visitor-stcp.ts'

const support = await quicSupport()
if (support === true) visitorStcpSuite({ name: 'quic', protocol: 'quic' })
else t.test('quic', { skip: support }, async () => {})
