import t from 'tap'
import { classifyOpening, PendingConnections } from '../../lib/transport/bind-port.ts'

const MUX = { mux: true, forceTls: false }

t.test('TLS is told by its first byte, with and without the byte of frp', async t => {
  t.strictSame(classifyOpening(Buffer.of(0x16, 3, 1), MUX), { type: 'tls', skip: 0 })
  t.strictSame(classifyOpening(Buffer.of(0x17), MUX), { type: 'tls', skip: 1 })
})

t.test('yamux and wire messages are plain links', async t => {
  t.strictSame(classifyOpening(Buffer.of(0, 1, 0, 1), MUX), { type: 'plain' })
  t.strictSame(classifyOpening(Buffer.from('o'), { ...MUX, mux: false }), { type: 'plain' })
})

t.test('a browser is named by what it sent', async t => {
  t.match(classifyOpening(Buffer.from('GET / HTTP/1.1\r\n'), MUX), {
    type: 'foreign',
    isFrp: false,
    detail: /GET \/ HTTP/,
  })
})

t.test('a peer with the other tcpMux is told apart from a stranger', async t => {
  t.match(classifyOpening(Buffer.from('o'), MUX), { isFrp: true, detail: /tcpMux off/ })
  t.match(classifyOpening(Buffer.of(0), { ...MUX, mux: false }), { isFrp: true, detail: /tcpMux on/ })
})

t.test('where TLS is a must, frp without TLS is refused and told why', async t => {
  t.match(classifyOpening(Buffer.of(0), { mux: true, forceTls: true }), {
    type: 'foreign',
    detail: /tls\.force/,
  })
})

t.test('one address gets no more than its share: its oldest connection goes', async t => {
  const pending = new PendingConnections({ perIp: 2, total: 100 })
  const evicted: string[] = []
  for (const name of ['a1', 'a2', 'a3']) pending.add('a', () => evicted.push(name))
  pending.add('b', () => evicted.push('b1'))
  t.strictSame(evicted, ['a1'])
})

t.test('when all is full the oldest of all goes', async t => {
  const pending = new PendingConnections({ perIp: 100, total: 2 })
  const evicted: string[] = []
  for (const ip of ['a', 'b', 'c']) pending.add(ip, () => evicted.push(ip))
  t.strictSame(evicted, ['a'])
})

t.test('a settled connection frees its place and is not evicted', async t => {
  const pending = new PendingConnections({ perIp: 1, total: 1 })
  const evicted: string[] = []
  const settle = pending.add('a', () => evicted.push('a'))
  settle()
  pending.add('a', () => evicted.push('again'))
  t.strictSame(evicted, [])
  t.equal(pending.size, 1)
})
