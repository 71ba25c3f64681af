import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { layerStream, type LayerOptions } from '../../lib/stream/layers.ts'
import { TokenBucket } from '../../lib/stream/limit.ts'
import { SnappyEncoder } from '../../lib/stream/snappy.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import { duplexPair, type DuplexPairOptions } from '../support/duplex-pair.ts'
import { seededRandom } from '../support/random.ts'

const KEY = deriveKey('secret')
const CODINGS: Record<string, LayerOptions> = {
  encrypted: { encryptionKey: KEY },
  compressed: { compression: true },
  'encrypted and compressed': { encryptionKey: KEY, compression: true },
}

/** Layers over both ends of a pair, which are given as well. */
function layeredPair(t: Test, options: LayerOptions, pair: DuplexPairOptions = {}): Layered {
  const [lowerA, lowerB] = duplexPair(pair)
  const [a, b] = [layerStream(lowerA, options), layerStream(lowerB, options)]
  for (const stream of [a, b]) stream.on('error', () => {})
  t.teardown(() => {
    for (const stream of [a, b]) stream.destroy()
  })
  return { a, b, lowerA }
}

interface Layered {
  readonly a: Duplex
  readonly b: Duplex
  readonly lowerA: Duplex
}

/** A layer over one end, and the raw other end. */
function layerOver(t: Test, options: LayerOptions): [Duplex, Duplex] {
  const [lower, far] = duplexPair()
  const stream = layerStream(lower, options)
  t.teardown(() => {
    for (const end of [stream, far]) end.on('error', () => {}).destroy()
  })
  return [stream, far]
}

async function received(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!stream.readableEnded) await once(stream, 'end')
  return Buffer.concat(chunks)
}

/** Lets everything happen that does not wait for a timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test('without a layer the stream itself is given', async t => {
  const [stream] = duplexPair()
  t.equal(layerStream(stream, {}), stream)
})

for (const [title, options] of Object.entries(CODINGS)) {
  t.test(`${title} bytes arrive as they were, and the directions end apart`, async t => {
    const random = seededRandom(4)
    const bytes = Buffer.concat([random.bytes(70_000), Buffer.alloc(150_000, 'text ')])
    for (const pieceBytes of [1, 1009, 1_000_000]) {
      const { a, b } = layeredPair(t, options, { pieceBytes })
      const sent = pieceBytes === 1 ? bytes.subarray(60_000, 80_000) : bytes
      const there = received(b)
      a.end(sent)
      t.ok((await there).equals(sent), `pieces of ${pieceBytes}`)
      const back = received(a)
      b.write(sent)
      b.end('!')
      t.ok((await back).equals(Buffer.concat([sent, Buffer.from('!')])), 'half-closed')
      if (!a.closed) await once(a, 'close')
      if (!b.closed) await once(b, 'close')
    }
  })

  t.test(`${title}: a small write is there at once`, async t => {
    const { a, b } = layeredPair(t, options)
    for (const key of 'ssh!') {
      a.write(key)
      const [chunk] = await once(b, 'data')
      t.equal(String(chunk), key)
    }
  })

  t.test(`${title}: nothing is sent before the first write`, async t => {
    const [top, far] = layerOver(t, options)
    const bytes = received(far)
    top.end()
    t.equal((await bytes).length, 0)
  })

  t.test(`${title}: a reader that stops reading stops the writer, with little held`, async t => {
    const { a, b } = layeredPair(t, options)
    b.once('data', () => b.pause())
    const chunk = seededRandom(5).bytes(16_384)
    let written = 0
    let taken = 0
    while (written < 4000 && a.write(chunk, () => taken++)) {
      written++
      await new Promise(resolve => setImmediate(resolve))
    }
    t.ok(written < 40, `the writer was stopped after ${written} writes of 16 KiB`)
    t.ok(b.readableLength <= 3 * 65_536, `${b.readableLength} bytes wait at the reader`)
    const before = taken
    b.resume()
    if (a.writableNeedDrain) await once(a, 'drain')
    t.ok(taken > before, 'the writer goes on when the reader does')
  })

  t.test(`${title}: a destroyed stream takes the one below with it, and the other way`, async t => {
    const one = layeredPair(t, options)
    one.a.destroy()
    if (!one.lowerA.closed) await once(one.lowerA, 'close')
    const other = layeredPair(t, options)
    other.lowerA.destroy()
    const [error] = await once(other.a, 'error')
    t.match(error, { code: 'STREAM_RESET' })
  })

  t.test(`${title}: an error below comes up`, async t => {
    const { a, lowerA } = layeredPair(t, options)
    const failure = new Error('link lost')
    lowerA.destroy(failure)
    const [error] = await once(a, 'error')
    t.equal(error, failure)
  })
}

t.test('the layers have the order of frp: compressed, then encrypted', async t => {
  const [top, far] = layerOver(t, { encryptionKey: KEY, compression: true })
  const inner = layerStream(far, { encryptionKey: KEY }).on('error', () => {})
  const bytes = received(inner)
  top.end('hello')
  t.equal((await bytes).toString('hex'), 'ff060000734e6150705901090000bb1f1c1968656c6c6f')
})

t.test('a malformed stream is destroyed with PROTOCOL_ERROR', async t => {
  for (const bytes of ['garbage', 'ff060000734e61507059020000']) {
    const [top, far] = layerOver(t, { compression: true })
    far.write(Buffer.from(bytes, bytes.startsWith('ff') ? 'hex' : 'latin1'))
    far.write(Buffer.alloc(10))
    top.resume()
    const [error] = await once(top, 'error')
    t.match(error, { code: 'PROTOCOL_ERROR' })
  }
})

t.test('an end inside a chunk or an IV is a PROTOCOL_ERROR', async t => {
  for (const options of Object.values(CODINGS)) {
    const [top, far] = layerOver(t, options)
    far.end(Buffer.from('ff0600', 'hex'))
    top.resume()
    const [error] = await once(top, 'error')
    t.match(error, { code: 'PROTOCOL_ERROR' })
  }
})

t.test('highly compressed input is unpacked only as far as the reader wants it', async t => {
  const packed = new SnappyEncoder().encode(Buffer.alloc(4_000_000))
  t.ok(packed.length < 300_000)
  const [stream, far] = layerOver(t, { compression: true })
  far.end(packed)
  stream.once('data', () => stream.pause())
  await once(stream, 'pause')
  await settle()
  t.ok(stream.readableLength <= 2 * 65_536, `${stream.readableLength} bytes wait`)
  let length = 65_536
  stream.on('data', (chunk: Buffer) => (length += chunk.length))
  stream.resume()
  await once(stream, 'end')
  t.equal(length, 4_000_000)
})

t.test('what came before an end is delivered although the stream below is gone', async t => {
  const [lower, far] = duplexPair({ highWaterMark: 1_000_000 })
  const top = layerStream(lower, { compression: true })
  top.once('data', () => top.pause())
  far.end(new SnappyEncoder().encode(Buffer.alloc(1_000_000)))
  await once(lower, 'end')
  lower.destroy()
  await once(lower, 'close')
  t.notOk(top.destroyed)
  const failed = once(top, 'error')
  let length = 65_536
  top.on('data', (chunk: Buffer) => (length += chunk.length))
  top.resume()
  await once(top, 'end')
  t.equal(length, 1_000_000)
  t.match(await failed, [{ code: 'STREAM_RESET' }], 'but nothing can be sent any more')
})

t.test('a limit delays writes in pieces of one burst', async t => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(1000, clock.now())
  const [top, far] = layerOver(t, { limiter: { bucket, side: 'wire' }, clock })
  let length = 0
  far.on('data', (chunk: Buffer) => {
    t.ok(chunk.length <= 1000)
    length += chunk.length
  })
  top.write(Buffer.alloc(3500))
  await settle()
  t.equal(length, 1000, 'the burst')
  clock.advance(999)
  await settle()
  t.equal(length, 1000)
  clock.advance(1)
  await settle()
  t.equal(length, 2000)
  clock.advance(1000)
  await settle()
  clock.advance(500)
  await settle()
  t.equal(length, 3500)
})

t.test('a limit delays reads after they happened, and stops the sender', async t => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(1000, clock.now())
  const [top, far] = layerOver(t, { limiter: { bucket, side: 'plain' }, clock })
  let length = 0
  top.on('data', (chunk: Buffer) => (length += chunk.length))
  let taken = 0
  for (let sent = 0; sent < 100; sent++) far.write(Buffer.alloc(2000), () => taken++)
  await settle()
  t.equal(length, 1000)
  t.ok(taken < 20, `${taken} of 100 writes were taken`)
  for (let second = 1; second <= 5; second++) {
    clock.advance(1000)
    await settle()
    t.equal(length, 1000 * (second + 1))
  }
})

t.test('both directions and all streams drain one bucket', async t => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(1000, clock.now())
  const limiter = { bucket, side: 'wire' } as const
  const [one, farOne] = layerOver(t, { limiter, clock })
  const [two, farTwo] = layerOver(t, { limiter, clock })
  let length = 0
  for (const stream of [one, farOne, farTwo]) {
    stream.on('data', (chunk: Buffer) => (length += chunk.length))
  }
  one.write(Buffer.alloc(1000))
  two.write(Buffer.alloc(1000))
  farOne.write(Buffer.alloc(1000))
  await settle()
  t.equal(length, 1000, 'one burst')
  clock.advance(1000)
  await settle()
  t.equal(length, 2000)
  clock.advance(1000)
  await settle()
  t.equal(length, 3000)
})

t.test('an end waits for the limited bytes before it', async t => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(1000, clock.now())
  const { a, b } = layeredPair(t, { limiter: { bucket, side: 'wire' }, clock })
  const bytes = received(b)
  a.end(Buffer.alloc(2000, 'x'))
  for (let second = 0; second < 5; second++) {
    await settle()
    clock.advance(1000)
  }
  t.equal((await bytes).length, 2000)
})

t.test('a destroyed limited stream leaves no timer that writes', async t => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(1000, clock.now())
  const [top, far] = layerOver(t, { limiter: { bucket, side: 'wire' }, clock })
  top.write(Buffer.alloc(5000))
  await settle()
  top.destroy()
  clock.advance(60_000)
  if (!far.closed) await once(far, 'close')
  t.ok(top.destroyed)
})

t.test('the wire limit counts compressed bytes, the plain limit what was compressed', async t => {
  for (const [side, isThrough] of [['wire', true], ['plain', false]] as const) {
    const clock = new ManualClock()
    const bucket = new TokenBucket(10_000, clock.now())
    const options = { compression: true, limiter: { bucket, side }, clock }
    const [top, far] = layerOver(t, options)
    const plain = layerStream(far, { compression: true }).on('error', () => {})
    let length = 0
    plain.on('data', (chunk: Buffer) => (length += chunk.length))
    top.write(Buffer.alloc(60_000))
    await settle()
    t.equal(length === 60_000, isThrough, `${side}: ${length} bytes came`)
  }
})

t.test('what layers begin with leaves at once where it is asked for, and once', async t => {
  for (const [name, coding] of Object.entries(CODINGS)) {
    const [stream, far] = layerOver(t, { ...coding, speaksFirst: true })
    await once(far, 'readable')
    const head = far.readableLength
    const back = layerStream(far, coding)
    // Its other direction is cut at the test's end.
    back.on('error', () => {})
    const expected = { encrypted: 16, compressed: 10 }[name] ?? 26
    t.equal(head, expected, `${name}: ${head} bytes without a word of the user`)
    stream.end('hello')
    t.equal((await received(back)).toString(), 'hello', name)
    const [silent, other] = layerOver(t, coding)
    silent.write('')
    t.equal(other.readableLength, 0, `${name}: nothing where it is not`)
  }
})
