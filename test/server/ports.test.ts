import t from 'tap'
import { PortTable } from '../../lib/server/ports.ts'

const DAY = 24 * 60 * 60 * 1000

function table(allowPorts: { start: number; end: number }[] = []): PortTable {
  return new PortTable({ allowPorts, random: () => 0 })
}

/** What the driver does when the port can be bound. */
function open(ports: PortTable, port: number, name: string): void {
  ports.claim(port, name)
  ports.handleBound(port)
}

t.test('a port that was asked for is the only candidate', async t => {
  t.strictSame(table().candidates('ssh', 6000, 0), [6000])
})

t.test('a port outside allowPorts is not allowed', async t => {
  const ports = table([{ start: 2000, end: 2010 }, { start: 3000, end: 3000 }])
  t.throws(() => ports.candidates('ssh', 6000, 0), {
    code: 'PORT_NOT_ALLOWED',
    detail: 'port not allowed',
  })
  t.strictSame(ports.candidates('ssh', 3000, 0), [3000])
  t.strictSame(ports.candidates('ssh', 2010, 0), [2010])
})

t.test('a port of another proxy is already used, until it is released', async t => {
  const ports = table()
  open(ports, 6000, 'ssh')
  t.throws(() => ports.candidates('web', 6000, 0), {
    code: 'PORT_UNAVAILABLE',
    detail: 'port already used',
  })
  ports.release(6000, 1)
  t.strictSame(ports.candidates('web', 6000, 1), [6000])
})

t.test('the refusal after binding failed says what frp says', async t => {
  t.equal(table().refusal(6000).detail, 'port unavailable')
  t.equal(table().refusal(0).detail, 'no available port')
})

t.test('port 0 gives at most five different candidates, all allowed and free', async t => {
  let seed = 1
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647
  const ports = new PortTable({ allowPorts: [{ start: 100, end: 120 }], random })
  open(ports, 110, 'other')
  for (let i = 0; i < 50; i++) {
    const candidates = ports.candidates('ssh', 0, 0)
    t.equal(new Set(candidates).size, 5)
    t.ok(candidates.every(port => port >= 100 && port <= 120 && port !== 110))
  }
})

t.test('port 0 finds the last free port of a small range', async t => {
  const ports = table([{ start: 100, end: 102 }, { start: 101, end: 103 }])
  for (const port of [100, 101, 102]) open(ports, port, `p${port}`)
  t.strictSame(ports.candidates('ssh', 0, 0), [103])
  open(ports, 103, 'last')
  t.throws(() => ports.candidates('ssh', 0, 0), /no available port/)
})

t.test('a name finds its port again within a day of giving it back', async t => {
  const ports = table()
  open(ports, 40_000, 'ssh')
  ports.release(40_000, 1000)
  t.equal(ports.candidates('ssh', 0, 1000 + DAY - 1)[0], 40_000)
  t.not(ports.candidates('ssh', 0, 1000 + DAY)[0], 40_000)
  t.not(ports.candidates('web', 0, 1000)[0], 40_000)
})

t.test('a remembered port that somebody else has got is not offered', async t => {
  const ports = table()
  open(ports, 40_000, 'ssh')
  ports.release(40_000, 0)
  open(ports, 40_000, 'web')
  t.notOk(ports.candidates('ssh', 0, 1).includes(40_000))
})

t.test('a claimed port cannot be claimed twice, and is free after unclaim', async t => {
  const ports = table()
  t.ok(ports.claim(6000, 'a'))
  t.notOk(ports.claim(6000, 'b'))
  ports.unclaim(6000)
  t.ok(ports.claim(6000, 'b'))
})

t.test('an empty range allows nothing', async t => {
  const ports = table([{ start: 10, end: 5 }])
  t.throws(() => ports.candidates('ssh', 7, 0), /port not allowed/)
  t.throws(() => ports.candidates('ssh', 0, 0), /no available port/)
})
