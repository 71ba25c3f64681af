import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { proxyTcpSuite } from './proxy-tcp.ts'

const support = await quicSupport()
if (support === true) proxyTcpSuite({ name: 'quic', protocol: 'quic' })
else t.test('quic', { skip: support }, async () => {})
