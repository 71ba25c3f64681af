import t from 'tap'
import { TunnelError } from '../../lib/errors.ts'
import { encodeMessage, MAX_BODY_BYTES } from '../../lib/wire/codec.ts'
import { Framer } from '../../lib/wire/framer.ts'
import type { Message, OutgoingMessage } from '../../lib/wire/messages.ts'
import { seededRandom, testSeed } from '../support/random.ts'

function drain(framer: Framer): Message[] {
  const messages: Message[] = []
  for (;;) {
    const message = framer.next()
    if (!message) return messages
    messages.push(message)
  }
}

function header(type: string, length: bigint): Buffer {
  const bytes = Buffer.alloc(9)
  bytes.write(type, 'latin1')
  bytes.writeBigInt64BE(length, 1)
  return bytes
}

const THREE: OutgoingMessage[] = [
  { type: 'Ping', timestamp: 1 },
  { type: 'ReqWorkConn' },
  { type: 'NewProxyResp', proxy_name: 'ssh', error: 'é' },
]

t.test('messages in one chunk come out in order', async t => {
  const framer = new Framer()
  framer.push(Buffer.concat(THREE.map(encodeMessage)))
  t.match(drain(framer), THREE)
  t.ok(framer.isEmpty)
})

t.test('messages can be split at every byte', async t => {
  const bytes = Buffer.concat(THREE.map(encodeMessage))
  for (let at = 0; at <= bytes.length; at++) {
    const framer = new Framer()
    framer.push(bytes.subarray(0, at))
    const messages = drain(framer)
    framer.push(bytes.subarray(at))
    messages.push(...drain(framer))
    t.match(messages, THREE, `split at ${at}`)
  }
})

t.test('messages can come byte by byte', async t => {
  const framer = new Framer()
  const messages: Message[] = []
  for (const byte of Buffer.concat(THREE.map(encodeMessage))) {
    framer.push(Buffer.from([byte]))
    messages.push(...drain(framer))
  }
  t.match(messages, THREE)
})

t.test('what follows a message is left as it came', async t => {
  const framer = new Framer()
  const payload = Buffer.from([0xff, 0, 1, 2])
  framer.push(Buffer.concat([encodeMessage({ type: 'LoginResp', run_id: 'r' }), payload]))
  t.match(framer.next(), { type: 'LoginResp', run_id: 'r' })
  t.strictSame(framer.rest(), payload)
  t.equal(framer.next(), undefined)
})

t.test('reading as many bytes as are missing never goes past a message', async t => {
  const bytes = Buffer.concat([...THREE.map(encodeMessage), Buffer.from('payload')])
  const framer = new Framer()
  let at = 0
  for (const wanted of THREE) {
    let message = framer.next()
    while (!message) {
      const missing = framer.missing()
      framer.push(bytes.subarray(at, at + missing))
      at += missing
      message = framer.next()
    }
    t.match(message, wanted)
    t.ok(framer.isEmpty)
  }
})

t.test('an unknown type is refused at its first byte', async t => {
  const framer = new Framer()
  framer.push(Buffer.from('z'))
  t.throws(() => framer.next(), { code: 'PROTOCOL_ERROR', message: /0x7a/ })
})

t.test('a length out of bounds is refused at the header', async t => {
  for (const length of [BigInt(MAX_BODY_BYTES) + 1n, -1n, 2n ** 62n, -(2n ** 63n), 2n ** 32n]) {
    const framer = new Framer()
    framer.push(header('h', length))
    t.throws(() => framer.next(), { code: 'PROTOCOL_ERROR', message: /out of bounds/ }, `${length}`)
  }
})

t.test('the longest body is accepted', async t => {
  const framer = new Framer()
  const message: OutgoingMessage = { type: 'Pong', error: 'a'.repeat(MAX_BODY_BYTES - 12) }
  framer.push(encodeMessage(message))
  t.match(framer.next(), message)
})

t.test('a broken framer stays broken and holds nothing', async t => {
  const framer = new Framer()
  framer.push(Buffer.concat([header('h', 3n), Buffer.from('nop'), encodeMessage({ type: 'Ping' })]))
  t.throws(() => framer.next(), { code: 'PROTOCOL_ERROR', message: /not JSON/ })
  framer.push(encodeMessage({ type: 'Ping' }))
  t.throws(() => framer.next(), { code: 'PROTOCOL_ERROR', message: /not JSON/ })
  t.equal(framer.rest().length, 0)
})

t.test('random and bit-flipped input yields messages or PROTOCOL_ERROR, nothing else', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const valid = Buffer.concat(THREE.map(encodeMessage))
  for (let round = 0; round < 3000; round++) {
    const bytes = round % 2 === 0 ? random.bytes(random.below(64)) : Buffer.from(valid)
    if (round % 2 === 1) {
      const at = random.below(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    }
    const framer = new Framer()
    try {
      framer.push(bytes)
      drain(framer)
    } catch (error) {
      if (error instanceof TunnelError && error.code === 'PROTOCOL_ERROR') continue
      t.fail(`round ${round}: ${String(error)}`, { bytes: bytes.toString('hex') })
    }
  }
})
