// What redundancy gives a game, on simulated links: which code, how much is lost, how late it comes
// and how many bytes it costs. The whole machinery runs, on a clock that the test turns.

import t from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import type { Redundancy } from '../../lib/datagram/index.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { hubPair, randomLoss } from './lossy-link.ts'

const ONE_WAY_MS = 25
const PAYLOAD_BYTES = 100

interface Game {
  readonly perSecond: number
  readonly packets: number
  readonly redundancy: Redundancy
  readonly isLost?: () => boolean
}

interface Result {
  /** Shares of the packets sent. */
  readonly lost: number
  readonly twice: number
  /** Milliseconds over the one-way delay: of packets that came, sorted. */
  readonly late: readonly number[]
  /** Bytes of datagrams beside those without copies. */
  readonly bytesRatio: number
  readonly packets: number
}

function play({ perSecond, packets, redundancy, isLost }: Game): Result {
  const clock = new ManualClock()
  const pair = hubPair({ clock, delayMs: ONE_WAY_MS, ...(isLost && { isLost }) })
  const late: number[] = []
  const seen = new Uint8Array(packets)
  const sentAt = new Float64Array(packets)
  let twice = 0
  const link = pair.link({
    redundancy,
    onFlow: flow => {
      flow.onPacket(payload => {
        const index = payload.readUInt32BE(0)
        if (seen[index]) twice++
        seen[index] = 1
        // Sums of 16.67 ms are not exact.
        late.push(Math.round((clock.now() - (sentAt[index] ?? 0) - ONE_WAY_MS) * 1e6) / 1e6)
      })
    },
  })
  const flow = pair.near.openFlow(link, { ip: '203.0.113.9', port: 5555 })
  const payload = Buffer.alloc(PAYLOAD_BYTES)
  for (let index = 0; index < packets; index++) {
    payload.writeUInt32BE(index)
    sentAt[index] = clock.now()
    flow?.send(payload)
    clock.advance(1_000 / perSecond)
  }
  clock.advance(1_000)
  const { bytes, packets: used } = pair.nearChannel
  return {
    lost: (packets - late.length + twice) / packets,
    twice: twice / packets,
    late: late.sort((a, b) => a - b),
    bytesRatio: bytes / (packets * (PAYLOAD_BYTES + 4)),
    packets: used,
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

const seed = testSeed()
t.comment(`SEED=${seed}`)

/** 2 % of the packets, one by one. */
function twoPercent(): () => boolean {
  return randomLoss(seededRandom(seed), 0.02)
}

function describe({ lost, late, bytesRatio }: Result): string {
  const p999 = quantile(late, 0.999).toFixed(1)
  return `${(lost * 100).toFixed(3)} % lost, p99.9 +${p999} ms, ${bytesRatio.toFixed(2)} x bytes`
}

t.test('without redundancy a lost packet stays lost, and nothing is late', async t => {
  const result = play({ perSecond: 60, packets: 30_000, redundancy: 0, isLost: twoPercent() })
  t.comment(describe(result))
  t.ok(Math.abs(result.lost - 0.02) < 0.005, describe(result))
  t.equal(quantile(result.late, 1), 0)
  t.ok(result.bytesRatio < 1.01)
})

for (const perSecond of [20, 60, 128]) {
  t.test(`2 % loss become less than 0.1 % with auto, ${perSecond} packets a second`, async t => {
    const result = play({ perSecond, packets: 50_000, redundancy: 'auto', isLost: twoPercent() })
    t.comment(describe(result))
    t.ok(result.lost < 0.001, describe(result))
    t.equal(result.twice, 0, 'no packet comes twice')
    t.equal(quantile(result.late, 0.97), 0, 'what is not lost is not delayed')
    const wait = Math.min(20, 1_000 / perSecond)
    t.ok(quantile(result.late, 0.999) <= wait + 1.5, 'what was lost comes with the next packet')
    t.ok(result.bytesRatio <= 2.05, describe(result))
  })
}

t.test('copies travel with the next packet of a game and cost no packet of their own', async t => {
  const result = play({ perSecond: 60, packets: 5_000, redundancy: 1 })
  t.ok(result.packets <= 5_000 + 5, `${result.packets} packets`)
  t.ok(Math.abs(result.bytesRatio - 2) < 0.05, describe(result))
})

t.test('two and three copies bear bursts', async t => {
  // Each loss takes the packet after it, too.
  const bursts = (): (() => boolean) => {
    const random = seededRandom(seed)
    let left = 0
    return () => {
      if (left > 0) left--
      else if (random.below(100) < 1) left = 2
      return left > 0
    }
  }
  const [one, two, three] = ([1, 2, 3] as const).map(redundancy =>
    play({ perSecond: 60, packets: 30_000, redundancy, isLost: bursts() }),
  )
  if (!one || !two || !three) throw new Error('three games')
  t.comment([one, two, three].map(describe).join('; '))
  t.ok(two.lost < one.lost && three.lost <= two.lost, 'more copies lose less')
  t.ok(two.lost < 0.002)
  t.ok(Math.abs(three.bytesRatio - 4) < 0.1)
})

t.test('a clean link is left alone after the first seconds', async t => {
  const result = play({ perSecond: 60, packets: 6_000, redundancy: 'auto' })
  t.equal(result.lost, 0)
  t.ok(result.bytesRatio < 1.15, describe(result))
})

t.test('loss that begins later switches the copies on within seconds', async t => {
  const random = seededRandom(seed)
  let packet = 0
  const result = play({
    perSecond: 60,
    packets: 12_000,
    redundancy: 'auto',
    isLost: () => ++packet > 3_000 && random.below(100) < 2,
  })
  t.comment(describe(result))
  t.ok(result.lost < 0.002, describe(result))
})

t.test('auto gives no copies to a flow that is busier than a game', async t => {
  const isLost = twoPercent()
  const result = play({ perSecond: 5_000, packets: 20_000, redundancy: 'auto', isLost })
  t.ok(result.bytesRatio < 1.15, describe(result))
})

// What was weighed against repetition: lib/datagram/copies.ts has the reasons.
t.test('XOR over pairs is cheaper, loses more and is later', async t => {
  const random = seededRandom(seed)
  const packets = 200_000
  const isLost = Uint8Array.from({ length: packets }, () => Number(random.below(100) < 2))
  let repeatedLost = 0
  let xorLost = 0
  let xorLateSum = 0
  let recovered = 0
  for (let i = 0; i + 2 < packets; i++) {
    if (!isLost[i]) continue
    // The copy is in the next packet.
    if (isLost[i + 1]) repeatedLost++
    // The parity of a pair travels with the packet after it.
    const partner = i ^ 1
    const carrier = (i | 1) + 1
    if (isLost[partner] || isLost[carrier]) xorLost++
    else {
      recovered++
      xorLateSum += carrier - i
    }
  }
  const repeated = repeatedLost / packets
  const xor = xorLost / packets
  const figures = `${(repeated * 100).toFixed(3)} % against ${(xor * 100).toFixed(3)} %`
  t.comment(`${figures}; XOR is ${(xorLateSum / recovered).toFixed(2)} packets late`)
  t.ok(repeated < xor, figures)
  t.ok(xorLateSum / recovered > 1.3)
})
