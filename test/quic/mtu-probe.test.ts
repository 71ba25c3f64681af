import t from 'tap'
import { MtuProbe, readProbe, writeProbe, type ProbeDatagram } from '../../lib/quic/mtu-probe.ts'

function sent(probe: MtuProbe): ProbeDatagram[] {
  const all: ProbeDatagram[] = []
  for (let datagram = probe.poll(); datagram; datagram = probe.poll()) {
    const read = readProbe(datagram)
    if (read) all.push(read)
  }
  return all
}

const echo = (size: number, nonce = 7n): ProbeDatagram => ({ kind: 'echo', nonce, size })

t.test('a probe is as long as the size it asks about', async t => {
  const probe = new MtuProbe(7n, 0)
  const sizes = sent(probe).map(({ size }) => size)
  t.ok(sizes.includes(1472) && sizes.includes(1252), 'Ethernet and the minimum are asked about')
  t.equal(writeProbe({ kind: 'probe', nonce: 7n, size: 1472 }).length, 1472)
})

t.test('the largest echo wins, half a round trip after the first', async t => {
  const probe = new MtuProbe(7n, 0)
  probe.handle(echo(1372), 40)
  t.equal(probe.deadline(), 60)
  t.equal(probe.result(59), undefined)
  probe.handle(echo(1452), 50)
  t.strictSame(probe.result(60), { datagramBytes: 1452, rttMs: 40 })
})

t.test('the largest size of all needs no waiting', async t => {
  const probe = new MtuProbe(7n, 0)
  probe.handle(echo(16_000), 1)
  t.strictSame(probe.result(1), { datagramBytes: 16_000, rttMs: 1 })
})

t.test('silence gives the safe size after 250 ms', async t => {
  const probe = new MtuProbe(7n, 0)
  t.equal(probe.result(249), undefined)
  t.strictSame(probe.result(250), { datagramBytes: 1252 })
})

t.test('foreign echoes and probes do not count', async t => {
  const probe = new MtuProbe(7n, 0)
  probe.handle(echo(1472, 8n), 10)
  probe.handle({ kind: 'probe', nonce: 7n, size: 1472 }, 10)
  t.strictSame(probe.result(250), { datagramBytes: 1252 })
})

t.test('a limit keeps larger probes off the wire', async t => {
  const probe = new MtuProbe(7n, 0, 1252)
  t.strictSame(
    sent(probe).map(({ size }) => size),
    [1252],
  )
})

t.test('a datagram that lies about its size is not a probe', async t => {
  const datagram = writeProbe({ kind: 'echo', nonce: 1n, size: 100 })
  t.equal(readProbe(datagram.subarray(0, 99)), undefined)
  t.equal(readProbe(Buffer.alloc(14)), undefined)
  t.equal(readProbe(Buffer.alloc(100, 8)), undefined)
})
