// Two policies against each other on the simulated network: how long a transfer is silent, and when
// it is direct again (M15 to M17 and M20 of nat-traversal.md §6).

import t from 'tap'
import { seededRandom } from '../../../bench/lab/model/random.ts'
import type { PathRole } from '../../../nat/index.ts'
import { SimulatedPair, longestSilence, quantile, type PairOptions } from './simulated-pair.ts'

const RUNS = 8
/** IP headers included: a probe over IPv6, and a packet of the visit through frps. */
const DIRECT_BYTES = 132
const RELAYED_BYTES = 180

interface Outcome {
  /** The longest pause of the transfer, per run. */
  readonly silencesMs: readonly number[]
  /** Until payload came on a direct path again; NaN where none did. */
  readonly directMs: readonly number[]
}

/** A transfer is under way when `happen` happens, and is watched for some seconds. */
function watch(
  sender: PathRole,
  happen: (pair: SimulatedPair) => void,
  options: Omit<PairOptions, 'seed'> = {},
): Outcome {
  const silencesMs: number[] = []
  const directMs: number[] = []
  for (let seed = 1; seed <= RUNS; seed++) {
    const pair = new SimulatedPair({ ...options, seed })
    const [from, to] =
      sender === 'visitor' ? [pair.visitor, pair.owner] : [pair.owner, pair.visitor]
    from.startSending()
    if (!pair.waitForDirect(10_000)) throw new Error(`seed ${seed} never got direct`)
    pair.simulation.run(1000 + pair.simulation.random() * 200)
    const at = pair.simulation.now()
    happen(pair)
    pair.simulation.run(3000)
    silencesMs.push(longestSilence(to.arrivals, at, pair.simulation.now()))
    // What was under way arrives within half a round trip.
    directMs.push((to.directArrivals.find(time => time > at + 45) ?? Number.NaN) - at)
  }
  return { silencesMs, directMs }
}

function told({ silencesMs, directMs }: Outcome): string {
  const text = (values: readonly number[]): string =>
    `${quantile(values, 0.5).toFixed(0)} ms, at most ${Math.max(...values).toFixed(0)}`
  return `silent for ${text(silencesMs)}; direct after ${text(directMs)}`
}

function cut(pair: SimulatedPair): void {
  pair.visitor.isCut = true
  pair.owner.isCut = true
}

for (const sender of ['visitor', 'owner'] as const) {
  t.test(`${sender} sends: a cut path costs 0.7 s at the median and 1.5 s at worst`, async t => {
    for (const loss of [0, 0.02]) {
      const outcome = watch(sender, cut, { loss })
      t.comment(told(outcome))
      t.ok(quantile(outcome.silencesMs, 0.5) <= 700, `median at ${loss}`)
      t.ok(Math.max(...outcome.silencesMs) <= 1500, `worst at ${loss}`)
    }
  })

  t.test(`${sender} sends: a path that is cut in one direction costs no more`, async t => {
    for (const end of ['visitor', 'owner'] as const) {
      const outcome = watch(sender, pair => (pair[end].isCut = true))
      t.comment(`what ${end} sends is lost: ${told(outcome)}`)
      t.ok(Math.max(...outcome.silencesMs) <= 700)
    }
  })

  t.test(`${sender} sends: a router forgets; traffic in 1 s, direct in 3 s`, async t => {
    for (const home of ['home-v', 'home-o'] as const) {
      const outcome = watch(sender, pair => pair.rebind(home))
      t.comment(`${home}: ${told(outcome)}`)
      t.ok(Math.max(...outcome.silencesMs) <= 1000)
      t.ok(outcome.directMs.every(time => time <= 3000))
    }
  })

  t.test(`${sender} sends: a line changes its address, and its client sees that`, async t => {
    for (const [home, end] of [['home-v', 'visitor'], ['home-o', 'owner']] as const) {
      const outcome = watch(sender, pair => {
        pair.readdress(home)
        pair[end].handleNetworkChange()
      })
      t.comment(`${home}: ${told(outcome)}`)
      t.ok(Math.max(...outcome.silencesMs) <= 300)
      t.ok(outcome.directMs.every(time => time <= 1000))
    }
  })
}

t.test('the relay is away for long: a direct transfer does not notice', async t => {
  const pair = new SimulatedPair({ seed: 1 })
  pair.visitor.startSending()
  t.ok(pair.waitForDirect(5000))
  pair.simulation.run(1000)
  const from = pair.simulation.now()
  pair.setRelay({ isDown: true })
  pair.simulation.run(30_000)
  pair.setRelay({ isDown: false })
  pair.simulation.run(5000)
  t.ok(longestSilence(pair.owner.arrivals, from, pair.simulation.now()) <= 100)
  t.equal(pair.visitor.policy.state().switches, 1)
  t.equal(pair.owner.policy.state().switches, 1)
})

t.test('a path that loses a fifth of all packets is kept', async t => {
  const pair = new SimulatedPair({ seed: 3, loss: 0.1 })
  pair.visitor.startSending()
  t.ok(pair.waitForDirect(20_000))
  pair.simulation.run(30_000)
  t.equal(pair.visitor.policy.state().switches, 1)
  t.equal(pair.owner.policy.state().switches, 1)
})

t.test('an idle pair costs 16 bytes per second each way, and keeps its mappings', async t => {
  const pair = new SimulatedPair({ seed: 1 })
  t.ok(pair.waitForDirect(5000))
  pair.simulation.run(30_000)
  const before = [pair.visitor, pair.owner].map(({ sent }) => ({ ...sent }))
  pair.simulation.run(3_600_000)
  for (const [index, { sent }] of [pair.visitor, pair.owner].entries()) {
    const direct = sent.direct - (before[index]?.direct ?? 0)
    const relay = sent.relay - (before[index]?.relay ?? 0)
    const perSecond = (direct * DIRECT_BYTES + relay * RELAYED_BYTES) / 3600
    t.comment(`${perSecond.toFixed(1)} B/s: ${direct} direct, ${relay} relayed in an hour`)
    // A path in reserve, asked every 30 s or more, comes on top: 4 of the 20 B/s of M20.
    t.ok(perSecond <= 16)
    t.ok(direct >= 200, 'the mapping is kept')
  }
  t.ok(pair.isDirect)
})

t.test('whatever is cut and mended, both ends agree in the end', async t => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const pair = new SimulatedPair({ seed, loss: 0.02 })
    const random = seededRandom(seed)
    pair.visitor.startSending()
    for (let step = 0; step < 12; step++) {
      pair.visitor.isCut = random() < 0.3
      pair.owner.isCut = random() < 0.3
      pair.setRelay({ isDown: random() < 0.2 })
      if (random() < 0.2) pair.rebind(random() < 0.5 ? 'home-v' : 'home-o')
      pair.simulation.run(random() * 3000)
    }
    pair.visitor.isCut = false
    pair.owner.isCut = false
    pair.setRelay({ isDown: false })
    pair.simulation.run(20_000)
    const [visitor, owner] = [pair.visitor.policy.state(), pair.owner.policy.state()]
    t.equal(visitor.kind, owner.kind, `seed ${seed}`)
    t.equal(visitor.duplicate, undefined, `seed ${seed}`)
    t.equal(owner.duplicate, undefined, `seed ${seed}`)
    const from = pair.simulation.now() - 1000
    const silenceMs = longestSilence(pair.owner.arrivals, from, pair.simulation.now())
    t.ok(silenceMs < 500, `seed ${seed}: silent for ${silenceMs} ms`)
  }
})
