import { createHmac } from 'node:crypto'
import t from 'tap'
import { seededRandom } from '../../bench/lab/model/random.ts'
import { PROBE_BYTES, ProbeSession, probeTag, type ProbeKeys } from '../../nat/probe.ts'

const ONE = new Uint8Array(32).fill(1)
const TWO = new Uint8Array(32).fill(2)
const TO = { ip: '203.0.113.7', port: 40_123 }
const TO6 = { ip: '2001:db8::7', port: 40_123 }

function pair(): { visitor: ProbeSession; owner: ProbeSession } {
  const random = seededRandom(1)
  const keys: ProbeKeys = { send: ONE, receive: TWO }
  return {
    visitor: new ProbeSession({ role: 'visitor', keys, random }),
    owner: new ProbeSession({ role: 'owner', keys: { send: TWO, receive: ONE }, random }),
  }
}

t.test('a request arrives with what it says, over both versions of IP', async t => {
  const { visitor, owner } = pair()
  for (const to of [TO, TO6]) {
    const { id, data } = visitor.request({ to, round: 7, isValidated: true })
    const expected = { type: 'request', id, round: 7, isValidated: true, address: to }
    t.strictSame(owner.receive(data), expected)
  }
})

t.test('an answer has the id of its request and tells where that came from', async t => {
  const { visitor, owner } = pair()
  const { id, data } = visitor.request({ to: TO })
  const request = owner.receive(data)
  if (!request) throw new Error('the request was refused')
  const from = { ip: '198.51.100.3', port: 9 }
  const answer = visitor.receive(owner.response(request, from))
  t.strictSame(answer, { type: 'response', id, round: 0, isValidated: false, address: from })
})

t.test('a probe is a STUN Binding whose answer is as long as the question', async t => {
  const { visitor, owner } = pair()
  for (const [to, bytes] of [[TO, PROBE_BYTES[4]], [TO6, PROBE_BYTES[6]]] as const) {
    const { data } = visitor.request({ to })
    const request = owner.receive(data)
    if (!request) throw new Error('the request was refused')
    const response = owner.response(request, to)
    t.strictSame([data.length, response.length], [bytes, bytes])
    for (const [message, type] of [[data, 1], [response, 0x101]] as const) {
      const buffer = Buffer.from(message)
      t.equal(buffer.readUInt16BE(0), type)
      t.equal(buffer.readUInt16BE(2), bytes - 20)
      t.equal(buffer.readUInt32BE(4), 0x2112a442)
    }
  }
})

t.test('its integrity is that of RFC 8489, truncated', async t => {
  const { data } = pair().visitor.request({ to: TO })
  const signed = data.subarray(0, data.length - 20)
  t.equal(Buffer.from(data).readUInt16BE(data.length - 20), 0x001c)
  const hmac = createHmac('sha256', ONE).update(data.subarray(0, data.length - 16)).digest()
  t.strictSame(Buffer.from(data.subarray(data.length - 16)), hmac.subarray(0, 16))
  t.equal(signed.length, 52)
})

t.test('no bit of a probe can be changed', async t => {
  const { visitor, owner } = pair()
  const { data } = visitor.request({ to: TO })
  for (let bit = 0; bit < data.length * 8; bit++) {
    const forged = Uint8Array.from(data)
    forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
    if (owner.receive(forged)) t.fail(`bit ${bit} was changed`)
  }
  t.ok(owner.receive(data), 'the real one is still new')
})

t.test('a request is taken once, however it is repeated', async t => {
  const { visitor, owner } = pair()
  const requests = Array.from({ length: 6000 }, () => visitor.request({ to: TO }).data)
  const [first = new Uint8Array(), ...others] = requests
  t.ok(owner.receive(first))
  t.notOk(owner.receive(first))
  for (const data of others.reverse()) owner.receive(data)
  t.strictSame(requests.filter(data => owner.receive(data)), [])
})

t.test('a late request is taken, one from the past is not', async t => {
  const { visitor, owner } = pair()
  const late = Array.from({ length: 2 }, () => visitor.request({ to: TO }).data)
  for (let count = 0; count < 4094; count++) owner.receive(visitor.request({ to: TO }).data)
  t.ok(late[0] && owner.receive(late[0]))
  for (let count = 0; count < 2; count++) owner.receive(visitor.request({ to: TO }).data)
  t.notOk(late[1] && owner.receive(late[1]))
})

t.test('probes that come back to their sender are none', async t => {
  const { visitor } = pair()
  t.equal(visitor.receive(visitor.request({ to: TO }).data), undefined)
  // Nor where both directions have one key, by mistake.
  const keys = { send: ONE, receive: ONE }
  const confused = new ProbeSession({ role: 'visitor', keys, random: seededRandom(1) })
  t.equal(confused.receive(confused.request({ to: TO }).data), undefined)
})

t.test('another key makes other tags, and its probes are refused', async t => {
  const { visitor, owner } = pair()
  const other = new ProbeSession({
    role: 'visitor',
    keys: { send: new Uint8Array(32).fill(3), receive: TWO },
    random: seededRandom(1),
  })
  const { data } = other.request({ to: TO })
  t.equal(probeTag(visitor.request({ to: TO }).data), owner.tag)
  t.not(probeTag(data), owner.tag)
  t.equal(owner.receive(data), undefined)
  // With the tag of a real one, which everybody on the way has seen.
  data.set(visitor.request({ to: TO }).data.subarray(24, 32), 24)
  t.equal(probeTag(data), owner.tag)
  t.equal(owner.receive(data), undefined)
})

t.test('what is no probe has no tag', async t => {
  const { data } = pair().visitor.request({ to: TO })
  t.equal(probeTag(new Uint8Array()), undefined)
  for (let length = 0; length < data.length; length++) {
    if (probeTag(data.subarray(0, length))) t.fail(`${length} bytes of it have one`)
  }
  t.equal(probeTag(new Uint8Array([...data, 0])), undefined)
  t.equal(probeTag(new Uint8Array(65_507)), undefined)
})

t.test('100,000 random datagrams of the right shape are refused', async t => {
  const { visitor, owner } = pair()
  const random = seededRandom(7)
  const template = visitor.request({ to: TO }).data
  let taken = 0
  for (let count = 0; count < 100_000; count++) {
    const data = Uint8Array.from(template)
    // Some keep the tag and cost an HMAC.
    const from = count % 10 === 0 ? 32 : 8
    for (let at = from; at < data.length; at++) data[at] = random() * 256
    if (owner.receive(data)) taken++
  }
  t.equal(taken, 0)
})

t.test('an address that is none cannot be probed', async t => {
  t.throws(() => pair().visitor.request({ to: { ip: 'example.org', port: 1 } }), RangeError)
})
