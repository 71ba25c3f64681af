// Restraint, guard, telling, stalls, doubt and round trips: what the policy is made of.

import t from 'tap'
import { Doubt } from '../../../nat/path/doubt.ts'
import { ThroughputGuard } from '../../../nat/path/guard.ts'
import { Restraint } from '../../../nat/path/restraint.ts'
import { RttEstimate } from '../../../nat/path/rtt.ts'
import { StallGuard } from '../../../nat/path/stall-guard.ts'
import { Telling } from '../../../nat/path/telling.ts'

t.test('restraint: each loss holds twice as long, up to a minute', async t => {
  const restraint = new Restraint()
  const holds: number[] = []
  for (let loss = 0; loss < 9; loss++) {
    restraint.handleLoss({ carriedMs: 1000 }, 0)
    holds.push(restraint.holdUntil(-1))
  }
  t.strictSame(holds, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  restraint.handleLoss({ carriedMs: 60_000 }, 0)
  t.equal(restraint.holdUntil(-1), 500, 'a path that carried long was good')
})

t.test('restraint: a path that was found since the loss waits for half a second', async t => {
  const restraint = new Restraint()
  t.ok(restraint.holdUntil(0) < 0)
  for (let loss = 1; loss <= 5; loss++) restraint.handleLoss({ carriedMs: 0 }, loss)
  t.equal(restraint.holdUntil(5), 8005)
  t.equal(restraint.holdUntil(6), 505)
})

t.test('restraint: moves get rarer, and are forgotten', async t => {
  const restraint = new Restraint()
  restraint.handleMove(0)
  t.equal(restraint.stayUntil, 1000)
  restraint.handleMove(1000)
  t.equal(restraint.stayUntil, 3000)
  restraint.handleMove(301_000)
  t.equal(restraint.stayUntil, 302_000)
})

t.test('restraint: a new network does not end a wait that runs', async t => {
  const restraint = new Restraint()
  for (let loss = 0; loss < 4; loss++) restraint.handleLoss({ carriedMs: 0 }, 0)
  restraint.handleNewNetwork()
  t.equal(restraint.holdUntil(-1), 4000)
  restraint.handleLoss({ carriedMs: 0 }, 5000)
  t.equal(restraint.holdUntil(-1), 5500)
})

/** One second of full use. */
function report(
  bytesPerSecond: number,
  { loss = 0.2, probeTimeouts = 0, isLoaded = true } = {},
): Parameters<ThroughputGuard['handleDelivery']>[0] {
  return { bytesPerSecond, loss, probeTimeouts, isLoaded }
}

function guarded(): ThroughputGuard {
  const guard = new ThroughputGuard()
  for (let now = 0; now < 3000; now += 1000) guard.handleDelivery(report(1e6), now)
  guard.handleSwitch(true, 3000)
  return guard
}

t.test('guard: slow and lossy after ten seconds, three times: back to the relay', async t => {
  const guard = guarded()
  t.equal(guard.handleDelivery(report(1e5), 12_999), false, 'too early')
  t.equal(guard.handleDelivery(report(1e5), 13_000), false)
  t.equal(guard.handleDelivery(report(1e5), 14_000), false)
  t.equal(guard.handleDelivery(report(1e5), 15_000), true)
  t.equal(guard.holdUntil, 315_000)
})

t.test('guard: probe time-outs count as loss', async t => {
  const guard = guarded()
  const verdicts = [13_000, 14_000, 15_000].map(now =>
    guard.handleDelivery(report(1e5, { loss: 0, probeTimeouts: 1 }), now),
  )
  t.strictSame(verdicts, [false, false, true])
})

t.test('guard: what does not count', async t => {
  const judge = (one: ReturnType<typeof report>, guard = guarded()): boolean[] =>
    [20_000, 21_000, 22_000].map(now => guard.handleDelivery(one, now))
  const never = [false, false, false]
  t.strictSame(judge(report(6e5)), never, 'more than half of what the relay gave')
  t.strictSame(judge(report(1e5, { loss: 0.01 })), never, 'slow without loss: a slow service')
  t.strictSame(judge(report(1e5, { isLoaded: false })), never, 'little to send')
  const unmeasured = new ThroughputGuard()
  unmeasured.handleSwitch(true, 0)
  t.strictSame(judge(report(1), unmeasured), never, 'nobody knows what the relay gives')
  const moved = guarded()
  moved.handleNewNetwork()
  t.strictSame(judge(report(1), moved), never, 'another network')
})

t.test('telling: so many times, 150 ms apart; a new one of its kind takes its place', async t => {
  const telling = new Telling()
  telling.tell({ type: 'lost', kind: 'v4' }, 3, 0)
  t.strictSame(telling.poll(0), { type: 'lost', kind: 'v4' })
  t.equal(telling.poll(149), undefined)
  t.equal(telling.deadline(), 150)
  telling.tell({ type: 'lost', kind: 'lan' }, 1, 200)
  t.strictSame(telling.poll(200), { type: 'lost', kind: 'lan' })
  t.equal(telling.deadline(), Number.POSITIVE_INFINITY)
  telling.tell({ type: 'rebound' }, 2, 300)
  telling.forget('rebound')
  t.equal(telling.poll(1000), undefined)
})

t.test('stalls: who comes late gets a moment, once for each silence', async t => {
  const stalls = new StallGuard()
  stalls.handleDeadline(1000)
  t.equal(stalls.poll(1050), false, 'timers are late by so much')
  stalls.handleDeadline(2000)
  t.equal(stalls.poll(2060), true)
  t.equal(stalls.deadline(2060), 2090)
  t.equal(stalls.poll(2089), true)
  t.equal(stalls.poll(2090), false)
  stalls.handleDeadline(3000)
  t.equal(stalls.poll(3100), false, 'it had its moment')
  stalls.handleInbound()
  stalls.handleDeadline(4000)
  t.equal(stalls.poll(4100), true)
})

t.test('doubt: one answer settles it, more where doubts follow each other', async t => {
  const first = new Doubt('x', { before: undefined }, 0)
  first.handleAnswer(-1)
  t.equal(first.isSettled, false, 'it was sent before')
  first.handleAnswer(0)
  t.equal(first.isSettled, true)
  const second = new Doubt('x', { before: first }, 9000)
  second.handleAnswer(9000)
  t.equal(second.isSettled, false)
  second.handleAnswer(9000)
  t.equal(second.isSettled, true)
  const later = new Doubt('x', { before: second }, 19_000)
  later.handleAnswer(19_000)
  t.equal(later.isSettled, true)
})

t.test('round trips: smoothed as in RFC 9002, and nonsense is ignored', async t => {
  const rtt = new RttEstimate()
  t.equal(rtt.ptoMs, 500)
  for (const sample of [Number.NaN, -1, 10_001, Number.POSITIVE_INFINITY]) rtt.add(sample)
  t.equal(rtt.smoothedMs, undefined)
  rtt.add(40)
  t.equal(rtt.ptoMs, 40 + 80 + 25)
  for (let count = 0; count < 50; count++) rtt.add(40)
  t.equal(rtt.smoothedMs, 40)
  t.equal(rtt.ptoMs, 40 + 10 + 25)
  rtt.add(48)
  t.equal(rtt.smoothedMs, 41)
})
