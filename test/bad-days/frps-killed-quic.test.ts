import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { frpsKilledSuite } from './frps-killed.ts'

const support = await quicSupport()
if (support === true) frpsKilledSuite('quic')
else t.test('quic', { skip: support }, async () => {})
