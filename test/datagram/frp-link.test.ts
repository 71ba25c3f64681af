import t from 'tap'
import { ManualClock, systemClock } from '../../lib/clock.ts'
import { type Flow, frpFlowLink } from '../../lib/datagram/index.ts'
import { encodeMessage } from '../../lib/wire/codec.ts'
import { Framer } from '../../lib/wire/framer.ts'
import { duplexPair } from '../support/duplex-pair.ts'

const r = { IP: '203.0.113.9', Port: 5_555, Zone: '' }
const USER = { ip: r.IP, port: r.Port }

t.test('a packet is the very bytes that the codec writes', async t => {
  const [ours, theirs] = duplexPair()
  const link = frpFlowLink({ stream: ours, side: 'user', clock: systemClock })
  const cases = [
    { address: USER, r },
    { address: { ip: '2001:db8::1', port: 1 }, r: { IP: '2001:db8::1', Port: 1, Zone: '' } },
    { address: { ip: 'fe80::1%eth0', port: 1 }, r: { IP: 'fe80::1', Port: 1, Zone: 'eth0' } },
  ]
  for (const { address, r } of cases) {
    const c = Buffer.from([0, 1, 2, 253, 254, 255, 63, 62])
    link.open(address)?.send(c)
    await new Promise(setImmediate)
    const expected = encodeMessage({ type: 'UDPPacket', c, r })
    t.ok(expected.equals(theirs.read() as Buffer), address.ip)
  }
  link.close()
})

t.test('packets find their flow by the address, new ones open one', async t => {
  const [ours, theirs] = duplexPair()
  const link = frpFlowLink({ stream: ours, side: 'service', clock: systemClock })
  const got: string[] = []
  const flows: Flow[] = []
  link.onFlow(flow => {
    flows.push(flow)
    flow.onPacket(payload => got.push(`${flow.address.ip}:${payload.toString()}`))
  })
  for (const [IP, text] of [
    ['10.0.0.1', 'a'],
    ['10.0.0.2', 'b'],
    ['10.0.0.1', 'c'],
  ] as const) {
    theirs.write(encodeMessage({ type: 'UDPPacket', c: Buffer.from(text), r: { ...r, IP } }))
  }
  // Without an address, or with one that is none, it is nobody's.
  theirs.write(encodeMessage({ type: 'UDPPacket', c: Buffer.from('x') }))
  theirs.write(encodeMessage({ type: 'UDPPacket', c: Buffer.from('x'), r: { ...r, IP: 'x' } }))
  await new Promise(setImmediate)
  t.strictSame(got, ['10.0.0.1:a', '10.0.0.2:b', '10.0.0.1:c'])
  t.equal(flows.length, 2)
  link.close()
  t.ok(flows.every(flow => flow.isClosed))
})

t.test('what does not fit into a message is dropped, the stream stays', async t => {
  const [ours, theirs] = duplexPair()
  const link = frpFlowLink({ stream: ours, side: 'user', clock: systemClock })
  const flow = link.open(USER)
  flow?.send(Buffer.alloc(65_507))
  flow?.send(Buffer.alloc(7_600))
  flow?.send(Buffer.from('fits'))
  await new Promise(setImmediate)
  const framer = new Framer()
  framer.push(theirs.read() as Buffer)
  const lengths: number[] = []
  for (let message = framer.next(); message; message = framer.next()) {
    if (message.type === 'UDPPacket') lengths.push(message.c.length)
  }
  t.strictSame(lengths, [7_600, 4])
  link.close()
})

t.test('the side of the service pings, the other one never', async t => {
  const clock = new ManualClock()
  const [ours, theirs] = duplexPair()
  const [others, us] = duplexPair()
  const service = frpFlowLink({ stream: ours, side: 'service', clock })
  const user = frpFlowLink({ stream: others, side: 'user', clock })
  clock.advance(30_000)
  await new Promise(setImmediate)
  t.ok(encodeMessage({ type: 'Ping' }).equals(theirs.read() as Buffer))
  t.equal(us.read(), null)
  service.close()
  user.close()
})

t.test('silence of a minute ends a link at the side of the users', async t => {
  const clock = new ManualClock()
  const [ours, theirs] = duplexPair()
  const link = frpFlowLink({ stream: ours, side: 'user', clock })
  clock.advance(50_000)
  await new Promise(setImmediate)
  theirs.write(encodeMessage({ type: 'Ping' }))
  await new Promise(setImmediate)
  clock.advance(50_000)
  clock.advance(9_999)
  const flow = link.open(USER)
  t.notOk(flow?.isClosed)
  clock.advance(1)
  t.equal(await link.closed, 'nothing came for 60 s')
  t.ok(flow?.isClosed)
})

t.test('a peer that does not read loses packets and holds a bounded number of bytes', async t => {
  const [ours] = duplexPair()
  const link = frpFlowLink({ stream: ours, side: 'user', clock: systemClock })
  const flow = link.open(USER)
  for (let i = 0; i < 5_000; i++) {
    flow?.send(Buffer.alloc(1_000))
    if (i % 50 === 0) await new Promise(setImmediate)
  }
  t.ok(ours.writableLength < 300_000, `${ours.writableLength} bytes wait`)
  link.close()
})
