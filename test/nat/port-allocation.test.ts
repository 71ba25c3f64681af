import t from 'tap'
import { allocationOf, type PortSample } from '../../nat/port-allocation.ts'
import { seededRandom } from '../../bench/lab/model/random.ts'

function mappings(ports: readonly number[], rest: Partial<PortSample> = {}): PortSample[] {
  return ports.map((port, at) => ({ localPort: 0, port, at, isFirst: true, ...rest }))
}

/** From `first` on, each so much after the one before. */
function walk(first: number, steps: readonly number[]): number[] {
  const ports = [first]
  for (const step of steps) ports.push((ports.at(-1) ?? 0) + step)
  return ports
}

t.test('fewer than four mappings say nothing', async t => {
  t.equal(allocationOf(mappings([5000, 5001, 5002])), undefined)
  t.equal(allocationOf([]), undefined)
})

t.test('ports that are kept are kept, but for one that was taken', async t => {
  const kept = [5000, 5100, 5200, 5300].map(port => {
    return { localPort: port, port, at: 0, isFirst: true }
  })
  const taken = { localPort: 5400, port: 5401, at: 0, isFirst: true }
  const found = allocationOf([...kept, taken])
  t.match(found, { allocation: { type: 'preserving' }, confidence: 'high' })
})

t.test('second mappings of a socket cannot keep its port and do not count', async t => {
  const first = [5000, 5100].map(port => ({ localPort: port, port, at: 0, isFirst: true }))
  const second = [5001, 5002, 5101].map(port => ({ localPort: 5000, port, at: 0, isFirst: false }))
  t.match(allocationOf([...first, ...second]), { allocation: { type: 'preserving' } })
})

t.test('a sequence is found with its step, also when others took ports between', async t => {
  for (const step of [1, 2, 4, 16, -1, -2]) {
    const steps = [1, 1, 3, 1, 1, 2, 1, 1].map(count => count * step)
    t.match(allocationOf(mappings(walk(40_000, steps))), {
      allocation: { type: 'sequential', step },
    })
  }
})

t.test('a packet that overtook another does not hide the sequence', async t => {
  const ports = walk(40_000, [1, 1, 2, -1, 2, 1, 1, 1, 1, 1, 1, 1])
  t.match(allocationOf(mappings(ports)), { allocation: { type: 'sequential', step: 1 } })
})

t.test('a sequence goes on at the other end', async t => {
  const ports = [65_533, 65_534, 65_535, 1024, 1025, 1026, 1027, 1028]
  t.match(allocationOf(mappings(ports)), {
    allocation: { type: 'sequential', step: 1, last: 1028 },
  })
})

t.test('the pace of others is what the sequence advanced beyond ours', async t => {
  const early = mappings(walk(40_000, Array<number>(11).fill(1)), { at: 0 })
  const late = mappings([40_018, 40_019], { at: 300 })
  t.match(allocationOf([...early, ...late]), {
    allocation: { type: 'sequential', last: 40_019, at: 300, ratePerSecond: 20 },
  })
})

t.test('in an instant there is no pace', async t => {
  t.match(allocationOf(mappings(walk(40_000, [1, 4, 1, 1, 1, 1, 1]))), {
    allocation: { ratePerSecond: 0 },
  })
})

t.test('16 ports of a block find it, aligned or not; 16 of all are random', async t => {
  const random = seededRandom(3)
  const draw = (first: number, size: number): number[] =>
    Array.from({ length: 16 }, () => first + Math.floor(random() * size))
  const blocks = [[4096, 1024], [10_000, 1000], [60_000, 256], [1024, 64]] as const
  for (let round = 0; round < 300; round++) {
    for (const [start, size] of blocks) {
      const found = allocationOf(mappings(draw(start, size)))?.allocation
      if (found?.type !== 'random-in-block') return t.fail(`${found?.type} of ${size}`)
      t.ok(found.size <= 4 * size, `${found.size} for ${size}`)
      const end = Math.min(start + size, found.first + found.size)
      const covered = end - Math.max(start, found.first)
      t.ok(covered >= size / 2, `${covered} of ${size}`)
    }
    t.match(allocationOf(mappings(draw(1024, 64_512))), { allocation: { type: 'random' } })
  }
})

t.test('few mappings are a guess, many are sure', async t => {
  t.equal(allocationOf(mappings(walk(40_000, [1, 1, 1])))?.confidence, 'low')
  t.equal(allocationOf(mappings(walk(40_000, Array<number>(15).fill(1))))?.confidence, 'high')
})
