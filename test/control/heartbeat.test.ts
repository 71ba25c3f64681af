import t from 'tap'
import { Heartbeat, type HeartbeatOutput } from '../../lib/control/heartbeat.ts'

function drain(heartbeat: Heartbeat, now: number): HeartbeatOutput[] {
  const outputs: HeartbeatOutput[] = []
  for (;;) {
    const output = heartbeat.poll(now)
    if (!output) return outputs
    outputs.push(output)
  }
}

t.test('the first ping is due at once and the next one after the interval', async t => {
  const heartbeat = new Heartbeat({ intervalMs: 30_000, timeoutMs: 90_000 }, 5)
  t.equal(heartbeat.deadline(), 5)
  t.strictSame(drain(heartbeat, 5), [{ type: 'ping' }])
  t.equal(heartbeat.deadline(), 30_005)
  t.strictSame(drain(heartbeat, 30_004), [])
  t.strictSame(drain(heartbeat, 30_005), [{ type: 'ping' }])
})

t.test('a silent peer expires once, at the timeout and not before', async t => {
  const heartbeat = new Heartbeat({ intervalMs: 30_000, timeoutMs: 90_000 }, 0)
  t.strictSame(drain(heartbeat, 89_999), [{ type: 'ping' }])
  t.equal(heartbeat.deadline(), 90_000)
  t.strictSame(drain(heartbeat, 90_000), [{ type: 'expired', silentMs: 90_000 }])
  t.strictSame(drain(heartbeat, 200_000), [])
  t.equal(heartbeat.deadline(), undefined)
})

t.test('a beat starts the silence anew', async t => {
  const heartbeat = new Heartbeat({ timeoutMs: 90_000 }, 0)
  heartbeat.handleBeat(60_000)
  t.strictSame(drain(heartbeat, 149_999), [])
  t.strictSame(drain(heartbeat, 150_000), [{ type: 'expired', silentMs: 90_000 }])
})

t.test('a side that only listens never pings', async t => {
  const heartbeat = new Heartbeat({ timeoutMs: 90_000 }, 0)
  t.equal(heartbeat.deadline(), 90_000)
  t.strictSame(drain(heartbeat, 80_000), [])
})

t.test('negative settings switch both off', async t => {
  const heartbeat = new Heartbeat({ intervalMs: -1, timeoutMs: -1 }, 0)
  t.equal(heartbeat.deadline(), undefined)
  t.strictSame(drain(heartbeat, 1e9), [])
})
