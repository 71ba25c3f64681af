import snappyjs from 'snappyjs'
import t from 'tap'
import { TunnelError } from '../../lib/errors.ts'
import { crc32c } from '../../lib/stream/crc32c.ts'
import {
  compressBlock,
  MAX_BLOCK_BYTES,
  uncompressBlock,
  uncompressedLength,
} from '../../lib/stream/snappy-block.ts'
import { MAX_CHUNK_BYTES, SnappyDecoder, SnappyEncoder } from '../../lib/stream/snappy.ts'
import { seededRandom, testSeed, type Random } from '../support/random.ts'

const IDENTIFIER = Buffer.from('ff060000734e61507059', 'hex')
const HELLO = Buffer.from('ff060000734e6150705901090000bb1f1c1968656c6c6f', 'hex')

function drain(decoder: SnappyDecoder): Buffer {
  const blocks: Buffer[] = []
  for (;;) {
    const block = decoder.next()
    if (!block) return Buffer.concat(blocks)
    blocks.push(block)
  }
}

function decode(bytes: Buffer): Buffer {
  const decoder = new SnappyDecoder()
  decoder.push(bytes)
  return drain(decoder)
}

function chunk(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head[0] = type
  head.writeUIntLE(body.length, 1, 3)
  return Buffer.concat([head, body])
}

function afterIdentifier(hex: string): Buffer {
  return Buffer.concat([IDENTIFIER, Buffer.from(hex, 'hex')])
}

/** Bytes with repetitions of all kinds: runs, short and far copies, noise. */
function mixture(random: Random, length: number): Buffer {
  const bytes = random.bytes(length)
  for (let at = 0; at < length; ) {
    const run = 1 + random.below(200)
    const distance = 1 + random.below(random.below(2) === 0 ? 8 : Math.max(1, at))
    if (random.below(3) > 0 && distance <= at) {
      for (let index = at; index < Math.min(at + run, length); index++) {
        bytes[index] = bytes[index - distance] ?? 0
      }
    }
    at += run
  }
  return bytes
}

t.test('the checksum is Castagnoli', async t => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 255)), 0x62a8ab43)
  t.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index))), 0x46dd794e)
  t.equal(crc32c(Buffer.alloc(0)), 0)
})

t.test('"hello" has the bytes of the vector, both ways', async t => {
  t.strictSame(new SnappyEncoder().encode(Buffer.from('hello')), HELLO)
  t.equal(decode(HELLO).toString(), 'hello')
})

t.test('the identifier is sent once, with the first data', async t => {
  const encoder = new SnappyEncoder()
  t.equal(encoder.encode(Buffer.alloc(0)).length, 0)
  t.strictSame(encoder.encode(Buffer.from('a')).subarray(0, 10), IDENTIFIER)
  t.equal(encoder.encode(Buffer.from('b'))[0], 1)
})

t.test('blocks are compressed only when that saves an eighth', async t => {
  const random = seededRandom(1)
  const noise = new SnappyEncoder().encode(random.bytes(65_536))
  t.equal(noise[10], 1)
  t.equal(noise.length, 10 + 8 + 65_536)
  const zeros = new SnappyEncoder().encode(Buffer.alloc(65_536))
  t.equal(zeros[10], 0)
  t.ok(zeros.length < 4000)
})

t.test('every size survives the round trip and is what snappyjs understands', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const sizes = [1, 2, 15, 16, 17, 18, 19, 60, 61, 64, 255, 256, 257, 4095, 65_535, 65_536, 65_537]
  for (let round = 0; round < 100; round++) sizes.push(1 + random.below(4000))
  sizes.push(200_000)
  const output = Buffer.alloc(2 * MAX_BLOCK_BYTES)
  for (const size of sizes) {
    const runs = [Buffer.alloc(size, 'ab'), Buffer.alloc(size, 'abc')]
    for (const bytes of [mixture(random, size), ...runs]) {
      if (!decode(new SnappyEncoder().encode(bytes)).equals(bytes)) t.fail(`size ${size} differs`)
      if (size > MAX_BLOCK_BYTES) continue
      const end = compressBlock(bytes, output, 3, output.length - 3)
      if (end > 0 && !snappyjs.uncompress(output.subarray(3, end)).equals(bytes)) {
        t.fail(`snappyjs reads something else for size ${size}`)
      }
      const theirs = snappyjs.compress(bytes)
      const ours = Buffer.alloc(uncompressedLength(theirs))
      if (!uncompressBlock(theirs, ours) || !ours.equals(bytes)) {
        t.fail(`the block of snappyjs is not understood, size ${size}`)
      }
    }
  }
})

t.test('a compressed block never exceeds what it was allowed', async t => {
  const random = seededRandom(2)
  for (let round = 0; round < 300; round++) {
    const bytes = mixture(random, 17 + random.below(500))
    const most = 1 + random.below(bytes.length)
    const output = Buffer.alloc(most + 100, 0xee)
    const end = compressBlock(bytes, output, 0, most)
    if (end > most) t.fail(`${end} bytes instead of at most ${most}`)
    if (output.subarray(most).some(byte => byte !== 0xee)) t.fail('bytes were written past the end')
  }
})

t.test('the stream can be split at every byte', async t => {
  const encoder = new SnappyEncoder()
  const bytes = Buffer.concat([
    encoder.encode(Buffer.from('hello')),
    chunk(0xfe, Buffer.alloc(5)),
    encoder.encode(Buffer.alloc(100, 'abcd')),
    chunk(0x80, Buffer.from('skipped')),
    IDENTIFIER,
    encoder.encode(Buffer.from('end')),
  ])
  const wanted = `hello${'abcd'.repeat(25)}end`
  for (let at = 0; at <= bytes.length; at++) {
    const decoder = new SnappyDecoder()
    decoder.push(bytes.subarray(0, at))
    const first = drain(decoder)
    decoder.push(bytes.subarray(at))
    t.equal(Buffer.concat([first, drain(decoder)]).toString(), wanted, `split at ${at}`)
    t.ok(decoder.isEmpty)
  }
})

t.test('the stream can come byte by byte, and tells when it is cut', async t => {
  const decoder = new SnappyDecoder()
  const text: string[] = []
  t.ok(decoder.isEmpty)
  for (const [index, byte] of HELLO.entries()) {
    decoder.push(Buffer.from([byte]))
    text.push(drain(decoder).toString())
    const isBoundary = index === IDENTIFIER.length - 1 || index === HELLO.length - 1
    t.equal(decoder.isEmpty, isBoundary, `after byte ${index}`)
  }
  t.equal(text.join(''), 'hello')
})

t.test('a skippable chunk of any size is passed over without being held', async t => {
  const decoder = new SnappyDecoder()
  decoder.push(Buffer.concat([IDENTIFIER, Buffer.from('fdffffff', 'hex')]))
  t.equal(decoder.next(), undefined)
  const megabyte = Buffer.alloc(1 << 20)
  for (let sent = 0; sent < 15; sent++) {
    decoder.push(megabyte)
    t.equal(decoder.next(), undefined)
  }
  decoder.push(Buffer.concat([Buffer.alloc((1 << 20) - 1), HELLO.subarray(10)]))
  t.equal(decoder.next()?.toString(), 'hello')
})

t.test('what is malformed is a protocol error', async t => {
  const stored = HELLO.subarray(10)
  const flipped = Buffer.from(HELLO)
  flipped[flipped.length - 1] = 0
  const cases: [string, Buffer, RegExp][] = [
    ['no identifier', stored, /identifier is missing/],
    ['padding before the identifier', chunk(0xfe, Buffer.alloc(1)), /identifier is missing/],
    ['a wrong identifier', chunk(0xff, Buffer.from('sNaPpX')), /identifier is wrong/],
    ['an identifier of a wrong length', chunk(0xff, Buffer.from('sNaPp')), /identifier is wrong/],
    ['a wrong checksum', flipped, /checksum/],
    ['no room for a checksum', Buffer.concat([IDENTIFIER, chunk(1, Buffer.alloc(3))]), /too short/],
    ['an empty block', Buffer.concat([IDENTIFIER, chunk(0, Buffer.alloc(4))]), /length of a block/],
    ['a long stored chunk', afterIdentifier('01050001'), /too long/],
    ['a long compressed chunk', afterIdentifier('00ffffff'), /too long/],
  ]
  for (const type of [0x02, 0x40, 0x7f]) {
    const bytes = Buffer.concat([IDENTIFIER, chunk(type, Buffer.alloc(1))])
    cases.push([`chunk type ${type}`, bytes, /is unknown/])
  }
  for (const [title, bytes, message] of cases) {
    t.throws(() => decode(bytes), { code: 'PROTOCOL_ERROR', message }, title)
  }
})

t.test('the longest chunks are accepted', async t => {
  const bytes = seededRandom(3).bytes(65_536)
  t.ok(decode(new SnappyEncoder().encode(bytes)).equals(bytes))
  t.ok(snappyjs.compress(bytes).length + 4 <= MAX_CHUNK_BYTES)
})

t.test('malformed blocks are refused and touch nothing outside', async t => {
  const cases: [string, string][] = [
    ['a literal past the input', '05 10 61'],
    ['a literal past the output', '02 08 61 62 63'],
    ['a copy before the start', '05 00 61 01 02'],
    ['a copy with offset 0', '05 00 61 01 00'],
    ['a copy past the output', '04 00 61 fe 01 00'],
    ['a cut copy', '05 00 61 02 01'],
    ['a cut one-byte copy', '05 00 61 01'],
    ['a far copy', '05 00 61 0f 01 00 01 00'],
    ['an output that is not filled', '05 00 61'],
    ['a cut literal length', '05 f4 01'],
    ['a four-byte literal length', '05 fc 04 00 00 00 61 61 61 61 61'],
    ['no data', '05'],
  ]
  for (const [title, hex] of cases) {
    const block = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    const memory = Buffer.alloc(64, 0xee)
    const size = uncompressedLength(block)
    t.notOk(uncompressBlock(block, memory.subarray(0, size)), title)
    t.ok(memory.subarray(size).every(byte => byte === 0xee), title)
  }
  for (const hex of ['', '80', '8080', '80808000', 'ffff07', '818004']) {
    t.equal(uncompressedLength(Buffer.from(hex, 'hex')), -1, `length ${hex}`)
  }
  t.equal(uncompressedLength(Buffer.from('808004', 'hex')), MAX_BLOCK_BYTES)
})

t.test('random and bit-flipped input yields bytes or PROTOCOL_ERROR, nothing else', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const valid = new SnappyEncoder().encode(mixture(random, 3000))
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(valid)
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    try {
      decode(round % 2 === 0 ? bytes : Buffer.concat([IDENTIFIER, random.bytes(random.below(99))]))
    } catch (error) {
      if (error instanceof TunnelError && error.code === 'PROTOCOL_ERROR') continue
      t.fail(`round ${round}: ${String(error)}`)
    }
  }
  // Blocks without the checksum in front, so that the block decoder itself meets the damage.
  const block = snappyjs.compress(mixture(random, 3000))
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(block)
    const at = 2 + random.below(bytes.length - 2)
    bytes[at] = random.below(256)
    const memory = Buffer.alloc(3100, 0xee)
    uncompressBlock(bytes, memory.subarray(0, 3000))
    if (memory.subarray(3000).some(byte => byte !== 0xee)) t.fail('bytes were written past the end')
  }
})
