import t from 'tap'
import { Waits } from '../../bench/lab/waits.ts'

/** Waits until `deadline` on a machine that wakes `lateMs` late; the time at which it is over. */
function sleepUntil(waits: Waits, from: number, deadline: number, lateMs: number): number {
  let now = from
  while (now < deadline) {
    waits.plan(now, deadline)
    // Looking at the devices without waiting takes a microsecond.
    now += waits.waitMs === 0 ? 0.001 : waits.waitMs + lateMs
    waits.handleEnd(now, true)
  }
  return now
}

t.test('waits end at the deadline once the machine is known', async t => {
  for (const lateMs of [0.02, 0.09]) {
    const waits = new Waits(0)
    let now = 0
    for (let round = 0; round < 50; round++) now = sleepUntil(waits, now, now + 20, lateMs)
    const deadline = now + 20
    const end = sleepUntil(waits, now, deadline, lateMs)
    t.ok(end - deadline < 0.005, `${((end - deadline) * 1000).toFixed(0)} us late`)
  }
})

t.test('one slow wake-up does not change the next waits much', async t => {
  const waits = new Waits(0)
  let now = sleepUntil(waits, 0, 20, 0.02)
  waits.plan(now, now + 20)
  now += waits.waitMs + 50
  waits.handleEnd(now, true)
  waits.plan(now, now + 20)
  t.ok(waits.waitMs > 19.9, `${waits.waitMs} ms`)
})

t.test('an idle router sleeps long, but not for ever', async t => {
  const waits = new Waits(0)
  waits.plan(0, Infinity)
  t.equal(waits.waitMs, 250)
  t.notOk(waits.isBlind)
})

t.test('a model that is due but gives nothing is not asked without pause', async t => {
  const waits = new Waits(0)
  waits.plan(10, 9)
  t.ok(waits.waitMs >= 0.05)
})

t.test('at 1,000 packets/s every wait is exact, at 20,000 most collect for a moment', async t => {
  for (const [gapMs, most] of [
    [1, 0],
    [0.05, 0.5],
  ] as const) {
    const waits = new Waits(0)
    let now = 0
    let blind = 0
    const rounds = 5000
    for (let round = 0; round < rounds; round++) {
      waits.plan(now, now + gapMs)
      if (waits.isBlind) blind += 1
      now += waits.waitMs === 0 ? 0.001 : Math.min(gapMs, waits.waitMs + 0.02)
      waits.handleEnd(now, true)
    }
    if (most === 0) t.equal(blind, 0)
    else t.ok(blind / rounds > 0.1, `${blind} of ${rounds}`)
  }
})

t.test('exact waits come back after a burst', async t => {
  const waits = new Waits(0)
  let now = 0
  let hadBlind = false
  for (let packet = 0; packet < 1000; packet++) {
    waits.plan(now, now + 0.03)
    hadBlind ||= waits.isBlind
    now += waits.isBlind ? waits.waitMs + 0.02 : 0.03
    waits.handleEnd(now, waits.isBlind)
  }
  t.ok(hadBlind)
  waits.plan(now + 1, now + 20)
  t.notOk(waits.isBlind)
})
