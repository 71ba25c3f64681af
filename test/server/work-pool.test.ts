import t from 'tap'
import { WorkPool, type WorkPoolOutput } from '../../lib/server/work-pool.ts'

function drain(pool: WorkPool<string>, now: number): WorkPoolOutput<string>[] {
  const outputs = []
  for (let output = pool.poll(now); output !== undefined; output = pool.poll(now)) {
    outputs.push(output)
  }
  return outputs
}

const request = { type: 'request' } as const

t.test('so many streams are asked for at the start as the client wants', async t => {
  const pool = new WorkPool<string>({ poolCount: 2, timeoutMs: 10_000 })
  t.strictSame(drain(pool, 0), [request, request])
})

t.test('a pooled stream is granted at once and replaced by one request', async t => {
  const pool = new WorkPool<string>({ poolCount: 1, timeoutMs: 10_000 })
  pool.handleStream('a')
  drain(pool, 0)
  const ticket = pool.take(0)
  t.strictSame(drain(pool, 0), [{ type: 'grant', ticket, stream: 'a' }, request])
})

t.test('a user who finds the pool empty makes it one larger', async t => {
  const pool = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  const ticket = pool.take(0)
  t.strictSame(drain(pool, 0), [request])
  pool.handleStream('a')
  t.strictSame(drain(pool, 5), [{ type: 'grant', ticket, stream: 'a' }, request])
  pool.handleStream('b')
  t.equal(pool.idleCount, 1)
})

t.test('users get streams in the order in which they came', async t => {
  const pool = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  const first = pool.take(0)
  const second = pool.take(1)
  drain(pool, 1)
  pool.handleStream('a')
  pool.handleStream('b')
  const grants = drain(pool, 2).filter(({ type }) => type === 'grant')
  t.strictSame(grants, [
    { type: 'grant', ticket: first, stream: 'a' },
    { type: 'grant', ticket: second, stream: 'b' },
  ])
})

t.test('a user waits to his deadline and not longer', async t => {
  const pool = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  const ticket = pool.take(100)
  drain(pool, 100)
  t.equal(pool.deadline(), 10_100)
  t.strictSame(drain(pool, 10_099), [])
  t.strictSame(drain(pool, 10_100), [{ type: 'deny', ticket, reason: 'timeout' }])
  t.equal(pool.deadline(), undefined)
})

t.test('a stream that comes after its user left is kept for the next', async t => {
  const pool = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  pool.cancel(pool.take(0))
  drain(pool, 0)
  pool.handleStream('a')
  const ticket = pool.take(1)
  t.strictSame(drain(pool, 1), [{ type: 'grant', ticket, stream: 'a' }, request])
})

t.test('the pool holds ten more than were asked for, and refuses the next', async t => {
  const pool = new WorkPool<string>({ poolCount: 1, timeoutMs: 10_000 })
  drain(pool, 0)
  for (let i = 0; i < 11; i++) pool.handleStream(`s${i}`)
  t.strictSame(drain(pool, 0), [])
  pool.handleStream('late')
  t.strictSame(drain(pool, 0), [{ type: 'refuse', stream: 'late', reason: 'full' }])
})

t.test('an idle stream that ended is not granted', async t => {
  const pool = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  pool.handleStream('a')
  pool.handleStreamGone('a')
  pool.take(0)
  t.strictSame(drain(pool, 0), [request])
})

t.test('closing denies who waits, refuses what is idle, and whatever comes later', async t => {
  const pool = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  pool.handleStream('idle')
  pool.close()
  t.strictSame(drain(pool, 0), [{ type: 'refuse', stream: 'idle', reason: 'closed' }])
  const ticket = pool.take(1)
  pool.handleStream('late')
  t.strictSame(drain(pool, 1), [
    { type: 'deny', ticket, reason: 'closed' },
    { type: 'refuse', stream: 'late', reason: 'closed' },
  ])

  const waiting = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  const waiter = waiting.take(0)
  drain(waiting, 0)
  waiting.close()
  t.strictSame(drain(waiting, 0), [{ type: 'deny', ticket: waiter, reason: 'closed' }])
  t.equal(waiting.deadline(), undefined)
})

t.test('waiting users are bounded', async t => {
  const pool = new WorkPool<string>({ poolCount: 0, timeoutMs: 10_000 })
  for (let i = 0; i < 4096; i++) pool.take(0)
  drain(pool, 0)
  const ticket = pool.take(0)
  t.strictSame(drain(pool, 0), [{ type: 'deny', ticket, reason: 'crowded' }])
})
