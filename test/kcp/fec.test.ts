import t from 'tap'
import { FecDecoder } from '../../lib/kcp/fec-decoder.ts'
import { FecEncoder } from '../../lib/kcp/fec-encoder.ts'
import { firstLength, isKcpDatagram, readFecHeader } from '../../lib/kcp/fec-packet.ts'
import { DATAGRAMS } from './from-kcp-go.ts'

const DATA = DATAGRAMS.slice(0, 10)

/** What the decoder finds, as hex. */
function decode(decoder: FecDecoder, datagrams: readonly Buffer[]): string[] {
  return datagrams.flatMap(datagram => {
    const header = readFecHeader(datagram)
    const found = header === undefined ? [] : decoder.handle(header, datagram)
    return found.map(segments => segments.toString('hex'))
  })
}

function bodyOf(datagram: Buffer | undefined): string {
  return datagram?.subarray(8).toString('hex') ?? ''
}

function shifted(datagrams: readonly Buffer[], by: number): Buffer[] {
  return datagrams.map(datagram => {
    const copy = Buffer.from(datagram)
    copy.writeUInt32LE(copy.readUInt32LE(0) + by, 0)
    return copy
  })
}

/** Frames the segments of those datagrams; `gapMs` before the last. */
function encode(datagrams: readonly Buffer[], gapMs = 0): Buffer[] {
  const encoder = new FecEncoder(1_358)
  return datagrams.flatMap((datagram, index) => {
    const out = Buffer.alloc(1_358)
    datagram.copy(out, 8, 8)
    const now = index === datagrams.length - 1 ? gapMs : 0
    encoder.frame(out, 0, datagram.length, now)
    const framed = [Buffer.from(out.subarray(0, datagram.length))]
    for (;;) {
      const length = encoder.pollParity(out, 0)
      if (length === 0) return framed
      framed.push(Buffer.from(out.subarray(0, length)))
    }
  })
}

t.test('frames and parity are those of kcp-go, byte for byte', async t => {
  t.strictSame(
    encode(DATA).map(datagram => datagram.toString('hex')),
    DATAGRAMS.map(datagram => datagram.toString('hex')),
  )
})

t.test('what kcp-go lost is recovered from its parity', async t => {
  for (let lost = 0; lost < 10; lost++) {
    const left = DATAGRAMS.filter((_, index) => index !== lost)
    t.strictSame(decode(new FecDecoder(), left), [bodyOf(DATA[lost])], `datagram ${lost}`)
  }
  const three = DATAGRAMS.filter((_, index) => ![0, 6, 9].includes(index))
  t.strictSame(
    decode(new FecDecoder(), three.reverse()),
    [0, 6, 9].map(index => bodyOf(DATA[index])),
    'three at once, and the rest in the wrong order',
  )
})

t.test('nothing is found where nothing is lost, or comes twice', async t => {
  const decoder = new FecDecoder()
  t.strictSame(decode(decoder, [...DATAGRAMS, ...DATAGRAMS]), [])
})

t.test('groups that a peer has shifted are found again', async t => {
  const decoder = new FecDecoder()
  // Parity that was skipped: ten more of data, and the groups begin at 10, 23, 36.
  const next = shifted(DATAGRAMS, 10)
  const lossy = shifted(DATAGRAMS, 23).filter((_, index) => index !== 4)
  t.strictSame(decode(decoder, [...DATA, ...next, ...lossy]), [bodyOf(DATA[4])])
})

t.test('where our parity would come too late, its numbers count as lost', async t => {
  const late = encode([...DATA, ...DATA], 0)
  t.equal(late.length, 26)
  const skipped = encode(DATA, 500)
  t.equal(skipped.length, 10)
  const encoder = new FecEncoder(1_358)
  const out = Buffer.alloc(1_358)
  for (let index = 0; index < 10; index++) encoder.frame(out, 0, 40, index * 500)
  t.equal(encoder.pollParity(out, 0), 0)
  encoder.frame(out, 0, 40, 5_000)
  t.equal(readFecHeader(out)?.seqid, 13)
})

t.test('parity that lies yields nothing, or what it made up', async t => {
  for (const [at, value] of [[6, 255], [7, 255], [79, 1]] as const) {
    const lying = DATAGRAMS.map(datagram => Buffer.from(datagram))
    lying[10]?.writeUInt8(value, at)
    const left = lying.filter((_, index) => index !== 2 && index < 11)
    t.strictSame(decode(new FecDecoder(), left), [], `byte ${at}`)
  }
  const short = DATAGRAMS.map(datagram => Buffer.from(datagram))
  short[10] = Buffer.from(DATAGRAMS[10]?.subarray(0, 9) ?? [])
  t.strictSame(decode(new FecDecoder(), short.filter((_, index) => index !== 2 && index < 11)), [])
})

t.test('shards that are too long, too old or far ahead do no harm', async t => {
  const decoder = new FecDecoder()
  const long = Buffer.alloc(60_000)
  DATAGRAMS[10]?.copy(long)
  t.strictSame(decode(decoder, [long]), [])
  t.strictSame(decode(decoder, [...shifted(DATA, 0x7fff_fff0), ...DATA]), [])
})

t.test('glued datagrams of unknown size are taken apart', async t => {
  const equal = [2, 3, 4].map(() => DATAGRAMS[10] ?? Buffer.alloc(0))
  const runs = [DATAGRAMS.slice(10), DATAGRAMS.slice(3, 5), shifted(equal, 0).slice(0, 1)]
  for (const run of runs) {
    let rest = Buffer.concat(run)
    const lengths: number[] = []
    while (rest.length > 0) {
      lengths.push(firstLength(rest))
      rest = rest.subarray(firstLength(rest))
    }
    t.strictSame(lengths, run.map(({ length }) => length))
  }
  const bare = DATA.slice(0, 2).map(datagram => datagram.subarray(8))
  t.equal(firstLength(Buffer.concat(bare)), 33 + 34, 'segments are read over the seam')
})

t.test('a conversation begins with data of its number, framed or not', async t => {
  const [first = Buffer.alloc(0)] = DATA
  t.equal(isKcpDatagram(first, 1), true)
  t.equal(isKcpDatagram(first.subarray(8), 1), true)
  t.equal(isKcpDatagram(first, 2), false)
  t.equal(isKcpDatagram(DATAGRAMS[10] ?? first, 1), false)
  t.equal(isKcpDatagram(Buffer.alloc(0), 1), false)
})
