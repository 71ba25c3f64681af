import t from 'tap'
import { StreamIds } from '../../lib/quic/stream-ids.ts'

t.test('each side gives out its own bidirectional ids', async t => {
  const client = new StreamIds('client')
  const server = new StreamIds('server')
  t.strictSame([client.take(), client.take(), server.take(), server.take()], [0, 4, 1, 5])
})

t.test('a stream of the peer is accepted once, in any order', async t => {
  const ids = new StreamIds('server')
  t.strictSame(
    [8, 0, 8, 4, 0].map(id => ids.accept(id)),
    [true, true, false, true, false],
  )
})

t.test('an id of ours is never for the peer to open', async t => {
  t.notOk(new StreamIds('server').accept(1))
})

t.test('what the peer has not used is to come, also below what it has used', async t => {
  const ids = new StreamIds('server')
  ids.accept(4)
  t.strictSame(
    [0, 4, 8].map(id => ids.isToCome(id)),
    [true, false, true],
  )
})
