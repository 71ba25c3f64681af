import t from 'tap'
import { BenchQuota } from '../../lib/bench/quota.ts'

t.test('a client has one bench at a time, and a next one after it', async t => {
  const quota = new BenchQuota<string>()
  t.match(quota.open('a', 10, 0), { seconds: 10, streams: 64 })
  t.match(quota.open('a', 10, 0), /runs already/)
  quota.close('a')
  t.match(quota.open('a', 10, 0), { seconds: 10 })
})

t.test('a server has four, whoever they belong to', async t => {
  const quota = new BenchQuota<number>()
  for (const owner of [1, 2, 3, 4]) t.match(quota.open(owner, 10, 0), { seconds: 10 })
  t.match(quota.open(5, 10, 0), /4 benches run/)
  quota.close(2)
  t.match(quota.open(5, 10, 0), { seconds: 10 })
})

t.test('a bench lasts from one second to ten minutes, whatever is asked for', async t => {
  const quota = new BenchQuota<string>()
  t.match(quota.open('none', -5, 0), { seconds: 1 })
  t.match(quota.open('all', Number.MAX_SAFE_INTEGER, 0), { seconds: 600 })
})

t.test('it is over at its deadline and not before, once', async t => {
  const quota = new BenchQuota<string>()
  quota.open('a', 10, 1000)
  quota.open('b', 5, 1000)
  t.equal(quota.deadline(), 6000)
  t.equal(quota.poll(5999), undefined)
  t.strictSame(quota.poll(6000), { type: 'expired', owner: 'b' })
  t.equal(quota.poll(6000), undefined)
  t.match(quota.openStream('b'), /no bench/)
  quota.close('b')
  t.equal(quota.deadline(), 11_000)
  quota.close('a')
  t.equal(quota.deadline(), undefined)
})

t.test('streams are counted, and only those of a running bench begin', async t => {
  const quota = new BenchQuota<string>()
  t.match(quota.openStream('a'), /no bench/)
  quota.open('a', 10, 0)
  for (let count = 0; count < 64; count++) t.equal(quota.openStream('a'), undefined)
  t.match(quota.openStream('a'), /at most 64/)
  quota.closeStream('a')
  t.equal(quota.openStream('a'), undefined)
})
