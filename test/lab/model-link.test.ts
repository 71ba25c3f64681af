import t from 'tap'
import { Link } from '../../bench/lab/model/link.ts'
import type { Packet } from '../../bench/lab/model/packet.ts'
import { seededRandom } from '../../bench/lab/model/random.ts'
import type { LinkOptions } from '../../bench/lab/model/spec.ts'
import { udp } from '../sim/packets.ts'

const A = { ip: '10.0.0.1', port: 1 }
const B = { ip: '10.0.0.2', port: 2 }

/** A packet of so many bytes that carries a number. */
function packet(length: number, number = 0): Packet {
  const payload = new Uint8Array(length - 28)
  new DataView(payload.buffer).setUint32(0, number)
  return udp(A, B, payload)
}

function numberOf({ bytes }: Packet): number {
  return Buffer.from(bytes).readUInt32BE(28)
}

interface Arrival {
  readonly number: number
  readonly at: number
}

/** Sends `count` packets of 1,250 bytes every `everyMs` and tells what arrived when. */
function flow(link: Link, count: number, everyMs: number): Arrival[] {
  const arrivals: Arrival[] = []
  const drain = (until: number): void => {
    for (let at = link.deadline(); at <= until && at < Infinity; at = link.deadline()) {
      for (let one = link.poll(at); one; one = link.poll(at)) {
        arrivals.push({ number: numberOf(one), at })
      }
    }
  }
  for (let number = 0; number < count; number++) {
    drain(number * everyMs)
    link.send(packet(1250, number), number * everyMs)
  }
  drain(Infinity)
  return arrivals
}

function made(options: LinkOptions, seed = 1): Link {
  return new Link(options, seededRandom(seed))
}

t.test('a link without options is there at once and disturbs nothing', async t => {
  const link = made({})
  t.equal(link.deadline(), Infinity)
  t.equal(link.send(packet(1500), 5), 'accepted')
  t.equal(link.deadline(), 5)
  t.ok(link.poll(5))
  t.equal(link.poll(5), undefined)
})

t.test('a delay is exact', async t => {
  const link = made({ delayMs: 40 })
  link.send(packet(100), 1000)
  t.equal(link.deadline(), 1040)
  t.equal(link.poll(1039.999), undefined)
  t.ok(link.poll(1040))
})

t.test('a rate spaces packets exactly, also when it is polled late', async t => {
  // 1,250 bytes at 10 Mbit/s take 1 ms.
  const link = made({ rateBitsPerSecond: 10_000_000, delayMs: 7 })
  const arrivals = (): number[] => flow(link, 50, 0).map(({ at }) => at)
  t.strictSame(arrivals(), Array.from({ length: 50 }, (_, index) => 8 + index))
  const late = made({ rateBitsPerSecond: 10_000_000 })
  for (let number = 0; number < 5; number++) late.send(packet(1250, number), 0)
  t.ok(late.poll(3.5))
  late.send(packet(1250), 3.5)
  let polled = 0
  while (late.poll(6)) polled++
  t.equal(polled, 5, 'the sixth left right behind the fifth, at 6 ms')
})

t.test('an idle transmitter begins when the packet comes', async t => {
  const link = made({ rateBitsPerSecond: 10_000_000 })
  t.strictSame(flow(link, 3, 5).map(({ at }) => at), [1, 6, 11])
})

t.test('the queue holds its bytes and no more, besides the packet that is being sent', async t => {
  const link = made({ rateBitsPerSecond: 10_000_000, queueBytes: 5000 })
  const verdicts = Array.from({ length: 6 }, () => link.send(packet(1250), 0))
  t.strictSame(verdicts, [...Array<string>(5).fill('accepted'), 'queue-full'])
  t.equal(link.send(packet(100), 0.999), 'queue-full')
  t.equal(link.send(packet(1250), 1), 'accepted', 'the first has left')
  t.match(link.stats(), { overflowed: 2, queuedPackets: 5, queuedBytes: 6250 })
})

t.test('a full queue delays by its bytes over the rate', async t => {
  const link = made({ rateBitsPerSecond: 50_000_000, queueBytes: 250_000 })
  while (link.send(packet(1250), 0) === 'accepted');
  let last = 0
  for (let at = link.deadline(); at < Infinity; at = link.deadline()) {
    while (link.poll(at)) last = at
  }
  t.ok(Math.abs(last - 40.2) < 1e-6, `${last} ms: 250,000 bytes and the first packet`)
})

t.test('a new rate holds for what waits, and for the rest of what is being sent', async t => {
  const link = made({ rateBitsPerSecond: 10_000_000 })
  for (let number = 0; number < 3; number++) link.send(packet(1250, number), 0)
  link.configure({ rateBitsPerSecond: 5_000_000 }, 0.5)
  t.equal(link.deadline(), 1.5)
  t.ok(link.poll(1.5))
  t.equal(link.deadline(), 3.5)
  link.configure({}, 2.5)
  t.ok(link.poll(2.5))
  t.ok(link.poll(2.5), 'without a rate nothing waits')
})

t.test('a shorter delay lets nothing overtake', async t => {
  const link = made({ delayMs: 100 })
  link.send(packet(100, 1), 0)
  link.configure({ delayMs: 10 }, 1)
  link.send(packet(100, 2), 1)
  t.equal(link.poll(99), undefined)
  t.strictSame([link.poll(100), link.poll(100)].map(one => one && numberOf(one)), [1, 2])
})

t.test('jitter stays in its bounds, uses them, and keeps the order', async t => {
  for (const everyMs of [0.1, 1, 50]) {
    const arrivals = flow(made({ delayMs: 20, jitterMs: 10 }), 20_000, everyMs)
    const extras = arrivals.map(({ number, at }) => at - number * everyMs - 20)
    const isOrdered = arrivals.every(({ number }, index) => number === index)
    const mean = extras.reduce((sum, extra) => sum + extra, 0) / extras.length
    const jumps = extras.map((extra, index) => Math.abs(extra - (extras[index - 1] ?? extra)))
    t.ok(everyMs > 1 || Math.max(...jumps) < everyMs + 1e-6, 'it wanders, it does not jump')
    t.ok(isOrdered, `order, a packet each ${everyMs} ms`)
    t.ok(Math.min(...extras) > -1e-6 && Math.max(...extras) < 10 + 1e-6, 'within 0 and 10 ms')
    t.ok(Math.min(...extras) < 1 && Math.max(...extras) > 9, 'all of it')
    t.ok(mean > 4 && mean < 6, `mean ${mean.toFixed(2)}`)
  }
})

t.test('random loss loses its share, and spares the order', async t => {
  const link = made({ loss: 0.02 })
  const { length } = flow(link, 50_000, 0.1)
  t.ok(Math.abs(length - 49_000) < 150, `${length} of 50,000`)
  t.equal(link.stats().lost + link.stats().packets, 50_000)
})

t.test('what is lost has taken its share of the rate', async t => {
  const link = made({ loss: 1, rateBitsPerSecond: 10_000_000 })
  link.send(packet(1250), 0)
  link.send(packet(1250), 0)
  t.equal(link.poll(1), undefined)
  t.equal(link.deadline(), 2)
})

t.test('bursts come as often and are as long as they should', async t => {
  const link = made({ burst: { enter: 0.01, leave: 0.25, loss: 1 } })
  const arrived = new Set(flow(link, 200_000, 0.1).map(({ number }) => number))
  let bursts = 0
  let lost = 0
  for (let number = 0; number < 200_000; number++) {
    if (arrived.has(number)) continue
    lost++
    if (arrived.has(number - 1)) bursts++
  }
  t.ok(Math.abs(lost / bursts - 4) < 0.4, `a burst is ${(lost / bursts).toFixed(2)} packets long`)
  const share = 0.01 / (0.01 + 0.25)
  t.ok(Math.abs(lost / 200_000 - share) < 0.004, `${lost} lost, ${share} is the model's share`)
})

t.test('reordered packets are late by their delay, and only they', async t => {
  const link = made({ delayMs: 20, reorder: { probability: 0.1, delayMs: 5 } })
  const arrivals = flow(link, 10_000, 1)
  const late = arrivals.filter(({ number, at }) => at - number === 25)
  t.equal(arrivals.length - late.length, arrivals.filter(one => one.at - one.number === 20).length)
  t.ok(Math.abs(late.length - 1000) < 120, `${late.length} of 10,000`)
  const overtaken = arrivals.filter(({ number }, index) => {
    return number < (arrivals[index - 1]?.number ?? 0)
  })
  t.ok(overtaken.length > 800, `${overtaken.length} are out of order`)
})

t.test('duplicates are packets of their own', async t => {
  const link = made({ duplicate: 1 })
  link.send(packet(100, 7), 0)
  const [one, two] = [link.poll(0), link.poll(0)]
  t.same(one?.bytes, two?.bytes)
  t.not(one?.bytes.buffer, two?.bytes.buffer)
  t.equal(link.poll(0), undefined)
  t.ok(Math.abs(flow(made({ duplicate: 0.1 }), 10_000, 1).length - 11_000) < 120)
})

t.test('what is longer than the MTU is refused', async t => {
  const link = made({ mtu: 1400 })
  t.equal(link.send(packet(1401), 0), 'too-long')
  t.equal(link.send(packet(1400), 0), 'accepted')
  t.equal(link.stats().tooLong, 1)
})

t.test('a link that goes down loses its queue; what is on its way arrives', async t => {
  const link = made({ delayMs: 50, rateBitsPerSecond: 10_000_000 })
  for (let number = 0; number < 4; number++) link.send(packet(1250, number), 0)
  link.configure({ delayMs: 50, rateBitsPerSecond: 10_000_000, isDown: true }, 2.5)
  t.equal(link.send(packet(1250), 3), 'down')
  t.ok(link.poll(60))
  t.ok(link.poll(60))
  t.equal(link.poll(60), undefined)
  t.equal(link.deadline(), Infinity)
  t.match(link.stats(), { down: 3, queuedBytes: 0, packets: 2 })
  link.configure({}, 70)
  t.equal(link.send(packet(1250), 70), 'accepted')
})

t.test('one seed loses the same packets, another one others', async t => {
  const lossy = { loss: 0.1, jitterMs: 3, reorder: { probability: 0.1, delayMs: 5 } }
  t.strictSame(flow(made(lossy, 3), 500, 1), flow(made(lossy, 3), 500, 1))
  t.notSame(flow(made(lossy, 3), 500, 1), flow(made(lossy, 4), 500, 1))
})
