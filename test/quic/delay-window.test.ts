import t from 'tap'
import { DelayWindow } from '../../lib/quic/delay-window.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { Bottleneck, type BottleneckOptions, type Observation } from './bottleneck.ts'

/** 50 Mbit/s. */
const LINK: BottleneckOptions = { bytesPerMs: 6250, rttMs: 50, queueBytes: 250_000 }
const MSS = 1452

interface Run {
  readonly window: DelayWindow
  readonly link: Bottleneck
}

const seed = testSeed()
t.comment(`SEED=${seed}`)
/** Two links of one test are never the same. */
let links = 0

function open(options: BottleneckOptions): Run {
  const link = new Bottleneck(options, seededRandom(seed + links++))
  const window = new DelayWindow(MSS)
  // The handshake has met no queue of ours.
  window.handleSample(link.step(0).sample)
  return { window, link }
}

function advance(run: Run, ms: number): Observation[] {
  const seen: Observation[] = []
  for (let count = 0; count < ms; count++) {
    const step = run.link.step(run.window.bytes)
    run.window.handleSample(step.sample)
    seen.push(step.seen)
  }
  return seen
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function share(seen: readonly Observation[], { bytesPerMs }: BottleneckOptions): number {
  return average(seen.map(one => one.bytesPerMs)) / bytesPerMs
}

function delay(seen: readonly Observation[], { rttMs }: BottleneckOptions): number {
  return average(seen.map(one => one.rttMs)) - rttMs
}

t.test('a link is filled within half a second and hardly any queue stands', async t => {
  for (const [name, link] of Object.entries({
    '50 Mbit/s, 50 ms': LINK,
    '5 Mbit/s, 30 ms': { bytesPerMs: 625, rttMs: 30, queueBytes: 64_000 },
    '500 Mbit/s, 20 ms': { bytesPerMs: 62_500, rttMs: 20, queueBytes: 2_000_000 },
    '20 Mbit/s, 600 ms': { bytesPerMs: 2500, rttMs: 600, queueBytes: 1_500_000 },
  })) {
    const run = open(link)
    advance(run, 500 + 12 * link.rttMs)
    const seen = advance(run, 5000)
    t.ok(share(seen, link) > 0.97, `${name}: ${(100 * share(seen, link)).toFixed(1)} % used`)
    const bound = Math.max(8, link.rttMs * 0.15)
    t.ok(delay(seen, link) < bound, `${name}: ${delay(seen, link).toFixed(1)} ms of queue`)
    t.equal(average(seen.map(one => one.droppedBytes)), 0, `${name}: nothing is dropped`)
  }
})

t.test('random loss does not slow it down', async t => {
  const link = { ...LINK, lossShare: 0.05 }
  const run = open(link)
  advance(run, 1500)
  const seen = advance(run, 5000)
  t.ok(share(seen, link) > 0.97, `${(100 * share(seen, link)).toFixed(1)} % used`)
})

t.test('jitter of the path is not taken for a queue', async t => {
  for (const jitterMs of [4, 8, 10, 14, 20]) {
    const link = { ...LINK, jitterMs }
    const runs = Array.from({ length: 8 }, () => open(link))
    const seen = runs.map(run => {
      advance(run, 4000)
      return advance(run, 10_000)
    })
    const used = average(seen.map(one => share(one, link)))
    t.ok(used > 0.9 - jitterMs / 80, `${jitterMs} ms: ${(100 * used).toFixed(1)} % used`)
    const queue = average(seen.map(one => delay(one, link))) - jitterMs / 2
    t.ok(queue < 6 + jitterMs / 2, `${jitterMs} ms: ${queue.toFixed(1)} ms of queue`)
  }
})

t.test('what was tried in vain is tried again later and later', async t => {
  const run = open({ ...LINK, jitterMs: 7 })
  const tries = (ms: number): number => {
    let count = 0
    for (let passed = 0; passed < ms; passed++) {
      const before = run.window.bytes
      advance(run, 1)
      if (run.window.bytes > 1.15 * before) count++
    }
    return count
  }
  advance(run, 3000)
  const [early, late] = [tries(20_000), tries(20_000)]
  t.ok(early > 0, `${early} tries at first`)
  t.ok(late <= 4, `${late} tries later`)
})

t.test('a link that became slower is not flooded for long', async t => {
  const run = open(LINK)
  advance(run, 3000)
  run.link.options = { ...LINK, bytesPerMs: 625 }
  advance(run, 3500)
  const seen = advance(run, 3000)
  t.notOk(run.window.competes)
  t.ok(delay(seen, LINK) < 15, `${delay(seen, LINK).toFixed(1)} ms of queue`)
  t.ok(share(seen, run.link.options) > 0.95)
})

t.test('a link that became faster is used soon', async t => {
  const run = open({ ...LINK, bytesPerMs: 625 })
  advance(run, 3000)
  run.link.options = LINK
  advance(run, 1500)
  const seen = advance(run, 2000)
  t.ok(share(seen, LINK) > 0.95, `${(100 * share(seen, LINK)).toFixed(1)} % used`)
})

t.test('beside a neighbour who keeps the queue full it steps aside for bbr', async t => {
  const run = open({ ...LINK, neighbourBytes: now => (now < 3000 || now > 9000 ? 0 : 400_000) })
  advance(run, 3000)
  t.notOk(run.window.competes, 'alone it does not')
  advance(run, 4000)
  t.ok(run.window.competes, 'crowded it does')
  advance(run, 3000)
  t.notOk(run.window.competes, 'the neighbour is gone')
})

t.test('a queue too short to be seen as delay still slows it down', async t => {
  const link = { ...LINK, queueBytes: 6000 }
  const run = open(link)
  advance(run, 3000)
  const seen = advance(run, 3000)
  const dropped = average(seen.map(one => one.droppedBytes))
  t.ok(dropped < 0.3 * LINK.bytesPerMs * LINK.rttMs, `${dropped.toFixed(0)} bytes too many`)
  t.ok(share(seen, link) > 0.95)
})

t.test('a window that is not used does not grow', async t => {
  const window = new DelayWindow(MSS)
  const before = window.bytes
  for (let now = 0; now < 5000; now++) {
    window.handleSample({
      now,
      rttMs: 50,
      deliveryRate: 2000,
      inFlight: 200,
      sentBytes: now * 2,
      lostBytes: 0,
    })
  }
  t.equal(window.bytes, before)
})
