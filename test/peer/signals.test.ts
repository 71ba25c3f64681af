// What peers tell each other on their first stream: what comes back, and what is refused.

import t from 'tap'
import type { Offer } from '../../nat/index.ts'
import { encodeSignal, type Signal, SignalReader } from '../../lib/peer/signals.ts'

const OFFER: Offer = {
  candidates: [
    { type: 'host', address: { ip: '192.168.1.7', port: 4000 } },
    { type: 'srflx', address: { ip: '2001:db8::7', port: 65_535 } },
  ],
  profile: {
    udp: true,
    mapping: 'address-and-port-dependent',
    filtering: undefined,
    ports: { type: 'sequential', step: 2, last: 5000, at: 900, ratePerSecond: 10 },
    externalIps: ['203.0.113.9'],
    hairpin: false,
    carrier: undefined,
    ipv6: true,
  },
}

const SIGNALS: readonly Signal[] = [
  { type: 'hello', proof: 'AAAA', relay: false },
  { type: 'offer', round: 7, scope: 'plain', offer: OFFER },
  { type: 'size', bytes: 1452 },
]

t.test('signals arrive as they were sent, however the stream cuts them', async t => {
  const bytes = Buffer.concat(SIGNALS.map(signal => encodeSignal(signal, 1_000)))
  for (const size of [1, 2, 7, 100, bytes.length]) {
    const reader = new SignalReader()
    const read: Signal[] = []
    for (let at = 0; at < bytes.length; at += size) {
      read.push(...reader.read(bytes.subarray(at, at + size), 1_000))
    }
    t.strictSame(JSON.stringify(read), JSON.stringify(SIGNALS), `${size} bytes at a time`)
  }
})

t.test('the time of a sample travels as its age', async t => {
  const [, offer] = SIGNALS
  if (offer === undefined) throw new Error('there is one')
  const [read] = new SignalReader().read(encodeSignal(offer, 1_000), 50_000)
  const ports = read?.type === 'offer' ? read.offer.profile.ports : undefined
  t.equal(ports?.type === 'sequential' ? ports.at : undefined, 49_900)
})

t.test('what a later version adds is passed over', async t => {
  const body = Buffer.from('{"type":"weather","is":"fine"}')
  const length = Buffer.from([0, body.length])
  t.strictSame(new SignalReader().read(Buffer.concat([length, body]), 0), [])
})

t.test('what is broken ends the stream', async t => {
  const many = Array.from({ length: 33 }, () => OFFER.candidates[0])
  const cases: Readonly<Record<string, unknown>> = {
    'no JSON': undefined,
    'no object': [1],
    'a hello without a proof': { type: 'hello', relay: true },
    'a round that is no number': { type: 'offer', round: '1', scope: 'full', offer: OFFER },
    'too many candidates': {
      type: 'offer',
      round: 1,
      scope: 'full',
      offer: { ...OFFER, candidates: many },
    },
    'a name instead of an address': {
      type: 'offer',
      round: 1,
      scope: 'full',
      offer: { ...OFFER, candidates: [{ type: 'host', address: { ip: 'localhost', port: 1 } }] },
    },
    'port 0': {
      type: 'offer',
      round: 1,
      scope: 'full',
      offer: { ...OFFER, candidates: [{ type: 'host', address: { ip: '10.0.0.1', port: 0 } }] },
    },
    'a size that no path has': { type: 'size', bytes: 100_000 },
  }
  for (const [name, value] of Object.entries(cases)) {
    const body = Buffer.from(value === undefined ? '{' : JSON.stringify(value))
    const length = Buffer.alloc(2)
    length.writeUInt16BE(body.length)
    const read = (): unknown => new SignalReader().read(Buffer.concat([length, body]), 0)
    t.throws(read, { code: 'PROTOCOL_ERROR' }, name)
  }
  t.throws(() => new SignalReader().read(Buffer.from([0xff, 0xff]), 0), { code: 'PROTOCOL_ERROR' })
})
