import t from 'tap'
import { seededRandom } from '../../bench/lab/model/random.ts'
import { anyPorts, portAfter, portsAhead, portsIn, resampled } from '../../nat/predict.ts'

const COUNTING = { type: 'sequential', step: 1, last: 40_000, at: 0, ratePerSecond: 0 } as const

function take(ports: Iterator<number>, count: number): number[] {
  return Array.from({ length: count }, () => Number(ports.next().value))
}

t.test('ports are counted on, by any step and around the end', async t => {
  t.equal(portAfter(COUNTING, 3), 40_003)
  t.equal(portAfter({ ...COUNTING, step: -2 }, 3), 39_994)
  t.equal(portAfter({ ...COUNTING, last: 65_535 }, 1), 1024)
  t.equal(portAfter({ ...COUNTING, last: 1024, step: -1 }, 1), 65_535)
})

t.test('whatever the peer says, a port is one', async t => {
  const random = seededRandom(3)
  for (let run = 0; run < 1000; run++) {
    const ports = portsAhead(
      {
        type: 'sequential',
        step: random() * 2048 - 1024,
        last: random() * 65_535,
        at: -random() * 3_600_000,
        ratePerSecond: random() * 100_000,
      },
      0,
    )
    const wrong = take(ports, 20).filter(
      port => !Number.isInteger(port) || port < 1024 || port > 65_535,
    )
    t.strictSame(wrong, [])
  }
})

t.test('a walk covers the next 96 ports, soon, and then again', async t => {
  const ports = take(portsAhead(COUNTING, 0), 96)
  for (let next = 40_001; next <= 40_050; next++) {
    if (!ports.includes(next)) t.fail(`${next} is left out`)
  }
  t.equal(take(portsAhead(COUNTING, 0), 300).filter(port => port === 40_020).length, 2)
})

t.test('what others took since the sample is allowed for', async t => {
  const busy = { ...COUNTING, ratePerSecond: 20 }
  const ports = take(portsAhead(busy, 10_000), 120)
  t.ok(ports.includes(40_200), 'as many as usual')
  t.ok(ports.includes(40_150), 'few')
  t.ok((ports[0] ?? 0) > 40_100)
})

t.test('a block is drawn whole before it is drawn again', async t => {
  const ports = portsIn({ first: 2048, size: 512 }, seededRandom(1))
  for (let pass = 0; pass < 2; pass++) {
    const drawn = take(ports, 512)
    t.equal(new Set(drawn).size, 512)
    t.equal(Math.min(...drawn), 2048)
    t.equal(Math.max(...drawn), 2559)
    t.not(drawn[0], 2048)
  }
})

t.test('a block that ends beyond the last port ends there', async t => {
  const drawn = take(portsIn({ first: 65_530, size: 4096 }, seededRandom(1)), 6)
  t.strictSame(drawn.sort(), [65_530, 65_531, 65_532, 65_533, 65_534, 65_535])
})

t.test('of all ports none is drawn twice, and none that belongs to a service', async t => {
  const drawn = take(anyPorts(seededRandom(1)), 2048)
  t.equal(new Set(drawn).size, 2048)
  t.ok(Math.min(...drawn) >= 1024)
})

t.test('a later port tells where the count is, and how fast others make it go', async t => {
  const at = 2000
  t.match(resampled(COUNTING, { port: 40_041, at }), { last: 40_041, at, ratePerSecond: 20 })
  const back = { ...COUNTING, step: -2 }
  t.match(resampled(back, { port: 39_918, at }), { last: 39_918, ratePerSecond: 20 })
  t.match(resampled({ ...COUNTING, last: 65_530 }, { port: 1035, at }), { ratePerSecond: 8 })
})

t.test('no rate is taken from a moment, an hour, or a count that jumped', async t => {
  const known = { ...COUNTING, ratePerSecond: 7 }
  for (const [port, at] of [[40_041, 100], [40_041, 3_600_000], [39_000, 2000]] as const) {
    t.match(resampled(known, { port, at }), { last: port, at, ratePerSecond: 7 })
  }
})
