import t from 'tap'
import { Budget, Strangers } from '../../lib/quic/strangers.ts'

const stranger = { isProven: false, connections: 0 }

t.test('above the threshold an address must be proven first', async t => {
  const strangers = new Strangers({ retryAbove: 2 })
  t.equal(strangers.judge('1.1.1.1', stranger), 'accept')
  strangers.begin('1.1.1.1')
  strangers.begin('1.1.1.2')
  t.equal(strangers.judge('1.1.1.3', stranger), 'retry')
  t.equal(strangers.judge('1.1.1.3', { ...stranger, isProven: true }), 'accept')
})

t.test('one address cannot have more than 64 handshakes under way', async t => {
  const strangers = new Strangers()
  const done = Array.from({ length: 64 }, () => strangers.begin('1.1.1.1'))
  t.equal(strangers.judge('1.1.1.1', { ...stranger, isProven: true }), 'drop')
  t.equal(strangers.judge('2.2.2.2', { ...stranger, isProven: true }), 'accept')
  done[0]?.()
  t.equal(strangers.judge('1.1.1.1', { ...stranger, isProven: true }), 'accept')
})

t.test('an IPv6 user counts once, with whatever addresses of his /64 he comes', async t => {
  const strangers = new Strangers()
  const done = Array.from({ length: 64 }, (_, index) => strangers.begin(`2001:db8::${index}`))
  t.equal(strangers.judge('2001:db8::abcd', { ...stranger, isProven: true }), 'drop')
  t.equal(strangers.judge('2001:db8:0:1::1', { ...stranger, isProven: true }), 'accept')
  done[0]?.()
  t.equal(strangers.judge('2001:db8::abcd', { ...stranger, isProven: true }), 'accept')
})

t.test('handshakes in all and connections in all are bounded', async t => {
  const strangers = new Strangers()
  for (let index = 0; index < 1024; index++) strangers.begin(`10.0.${index >> 8}.${index & 255}`)
  t.equal(strangers.judge('3.3.3.3', { ...stranger, isProven: true }), 'drop')
  t.equal(new Strangers().judge('3.3.3.3', { isProven: true, connections: 20_000 }), 'drop')
})

t.test('a budget refills with time and holds one second at most', async t => {
  const budget = new Budget(10, 0)
  t.ok(budget.take(10, 0))
  t.notOk(budget.take(1, 50))
  t.ok(budget.take(1, 100))
  t.notOk(budget.take(11, 100_000))
  t.ok(budget.take(10, 100_000))
})
