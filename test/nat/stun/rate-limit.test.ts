import t from 'tap'
import { RateLimit } from '../../../nat/stun/rate-limit.ts'

function taken(limit: RateLimit, key: string, tries: number, now: number): number {
  return Array.from({ length: tries }, () => limit.take(key, now)).filter(Boolean).length
}

t.test('a burst is granted at once, and then so many a second', async t => {
  const limit = new RateLimit({ perSecond: 20, burst: 64 })
  t.equal(taken(limit, 'a', 100, 0), 64)
  t.equal(taken(limit, 'a', 100, 100), 2)
  t.equal(taken(limit, 'a', 100, 1_100), 20)
  t.equal(taken(limit, 'a', 100, 60_000), 64, 'never more than a burst')
})

t.test('one key takes nothing from another', async t => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 })
  t.equal(limit.take('a', 0), true)
  t.equal(limit.take('a', 0), false)
  t.equal(limit.take('b', 0), true)
})

t.test('a clock that goes back gives nothing', async t => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 })
  limit.take('a', 10_000)
  t.equal(limit.take('a', 0), false)
})

t.test('of many keys the ones that asked longest ago are forgotten', async t => {
  const limit = new RateLimit({ perSecond: 0, burst: 1 })
  limit.take('first', 0)
  for (let key = 0; key < 16_383; key++) limit.take(`${key}`, 0)
  t.equal(limit.take('first', 0), false, 'it asked again')
  limit.take('one more', 0)
  limit.take('and another', 0)
  t.equal(limit.take('first', 0), false)
  t.equal(limit.take('0', 0), true, 'this one was forgotten')
})
