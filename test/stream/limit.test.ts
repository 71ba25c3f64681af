import t from 'tap'
import { TokenBucket } from '../../lib/stream/limit.ts'

t.test('a burst of one second passes at once, what comes after it waits', async t => {
  const bucket = new TokenBucket(10_000, 0)
  t.equal(bucket.take(10_000, 0), 0)
  t.equal(bucket.take(5_000, 0), 500)
  t.equal(bucket.take(5_000, 0), 1000)
})

t.test('tokens come back at the rate and not above the burst', async t => {
  const bucket = new TokenBucket(10_000, 0)
  bucket.take(10_000, 0)
  t.equal(bucket.take(1_000, 100), 0)
  t.equal(bucket.take(10_000, 60_000), 0)
  t.equal(bucket.take(1_000, 60_000), 100)
})

t.test('50 kB echoed through 10 kB/s take nine seconds, because both ways share it', async t => {
  const bucket = new TokenBucket(10_000, 0)
  let now = 0
  for (let sent = 0; sent < 10; sent++) now += bucket.take(10_000, now)
  t.equal(now, 9_000)
})

t.test('a clock that stands still or goes back gives nothing', async t => {
  const bucket = new TokenBucket(1_000, 500)
  bucket.take(1_000, 500)
  t.equal(bucket.take(100, 400), 100)
  t.equal(bucket.take(100, 500), 200)
})

t.test('the burst is a whole number of bytes and never 0', async t => {
  t.equal(new TokenBucket(1_572_864.5, 0).burstBytes, 1_572_864)
  t.equal(new TokenBucket(0.5, 0).burstBytes, 1)
})
