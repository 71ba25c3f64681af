import t from 'tap'
import { SecondCopies } from '../../lib/quic/second-copy.ts'

t.test('a path that loses nothing carries nothing twice', async t => {
  const copies = new SecondCopies()
  for (let now = 0; now < 10_000; now += 50) {
    copies.handleLoss(0, now)
    t.notOk(copies.take(80, now))
  }
})

t.test('after a loss small datagrams go twice, for five minutes', async t => {
  const copies = new SecondCopies()
  copies.handleLoss(80, 1000)
  t.ok(copies.take(80, 1001))
  t.notOk(copies.take(1200, 1002), 'a large one does not')
  copies.handleLoss(80, 20_000)
  t.ok(copies.take(80, 300_000))
  t.notOk(copies.take(80, 301_001))
})

t.test('copies are bounded', async t => {
  const copies = new SecondCopies()
  copies.handleLoss(80, 0)
  let taken = 0
  for (let count = 0; count < 10_000; count++) {
    if (copies.take(80, 1 + count / 10)) taken++
  }
  t.ok(taken <= 20 + 200, `${taken} in one second`)
  t.ok(taken >= 200)
})
