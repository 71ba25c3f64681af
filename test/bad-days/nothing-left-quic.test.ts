import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { nothingLeftSuite } from './nothing-left.ts'

const support = await quicSupport()
if (support === true) nothingLeftSuite('quic', { warmUp: 5_000, visits: 10_000 })
else t.test('quic', { skip: support }, async () => {})
