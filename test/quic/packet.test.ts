import t from 'tap'
import {
  CID_BYTES,
  destinationKey,
  firstPacketBytes,
  isQuic,
  segmentBytes,
  stampedFacts,
  stampFacts,
} from '../../lib/quic/packet.ts'

const CID = Buffer.from('0123456789ab')

function shortPacket(bytes: number, first = 0x41): Buffer {
  return Buffer.concat([Buffer.from([first]), CID, Buffer.alloc(bytes - 1 - CID_BYTES, 0xee)])
}

t.test('what has neither high bit is not QUIC', async t => {
  t.notOk(isQuic(0x00), 'STUN')
  t.notOk(isQuic(0x08), 'a path probe')
  t.ok(isQuic(0x40), 'a short header')
  t.ok(isQuic(0xc3), 'a long header')
})

t.test('the destination id is found in both header forms', async t => {
  t.equal(destinationKey(shortPacket(40)), CID.toString('latin1'))
  const long = Buffer.concat([
    Buffer.from([0xc0, 0, 0, 0, 1, 8]),
    Buffer.from('abcdefgh'),
    Buffer.alloc(30),
  ])
  t.equal(destinationKey(long), 'abcdefgh')
})

t.test('truncated and lying headers have no destination', async t => {
  t.equal(destinationKey(Buffer.from([0x41, 1, 2])), undefined)
  t.equal(destinationKey(Buffer.from([0xc0, 0, 0, 0, 1, 21, 1, 1, 1, 1, 1, 1, 1, 1])), undefined)
  t.equal(destinationKey(Buffer.from([0xc0, 0, 0, 0, 1, 8, 1, 1, 1, 1, 1, 1, 1])), undefined)
})

t.test('glued packets of one connection are told apart without their size', async t => {
  const glued = Buffer.concat([shortPacket(1200), shortPacket(1200, 0x7f), shortPacket(300)])
  t.equal(segmentBytes(glued), 1200)
})

t.test('a single packet stays whole', async t => {
  t.equal(segmentBytes(shortPacket(1200)), 1200)
  t.equal(segmentBytes(Buffer.alloc(5, 0x41)), 5)
})

t.test('an id that turns up where no packet can begin does not split', async t => {
  const packet = shortPacket(1200)
  // The byte before the second occurrence is not a header of the same form.
  packet.writeUInt8(0x01, 500)
  CID.copy(packet, 501)
  t.equal(segmentBytes(packet), 1200)
})

t.test('only ids that a client of ours made carry facts about the path', async t => {
  const random = (): Buffer => Buffer.alloc(CID_BYTES, 7)
  for (const isNear of [true, false]) {
    const facts = { datagramBytes: 16_000, isNear }
    t.strictSame(stampedFacts(stampFacts(random(), facts)), facts)
  }
  t.equal(stampedFacts(random()), undefined)
  t.equal(stampedFacts(new Uint8Array()), undefined)
  const tooSmall = stampFacts(random(), { datagramBytes: 200, isNear: false })
  t.equal(stampedFacts(tooSmall), undefined, 'below the minimum')
})

/** A long header's packet with ids of 8 and 0 bytes and `bytes` after its length field. */
function longPacket(first: number, bytes: number, token?: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([first, 0, 0, 0, 1, 8]),
    Buffer.from('abcdefgh'),
    Buffer.from([0]),
    ...(token ? [Buffer.from([0x40 | (token.length >> 8), token.length & 0xff]), token] : []),
    Buffer.from([0x40 | (bytes >> 8), bytes & 0xff]),
    Buffer.alloc(bytes, 0xaa),
  ])
}

t.test('the packets that share a datagram are told apart', async t => {
  const initial = longPacket(0xc3, 300, Buffer.alloc(70, 1))
  const handshake = longPacket(0xe1, 100)
  const short = shortPacket(60)
  const datagram = Buffer.concat([initial, handshake, short])
  t.equal(firstPacketBytes(datagram), initial.length)
  t.equal(firstPacketBytes(datagram.subarray(initial.length)), handshake.length)
  t.equal(firstPacketBytes(short), short.length)
  t.equal(firstPacketBytes(Buffer.concat([longPacket(0xf0, 5), short])), 20 + 2 + short.length, 'Retry')
})

t.test('a length that lies or is cut off makes it one packet', async t => {
  const whole = longPacket(0xe1, 1000)
  for (let length = 1; length < 40; length++) {
    t.equal(firstPacketBytes(whole.subarray(0, length)), length)
  }
  const huge = Buffer.from(whole)
  huge[15] = 0xff
  t.equal(firstPacketBytes(huge), huge.length)
  t.equal(firstPacketBytes(Buffer.alloc(0)), 0)
})

t.test('what shares a datagram with an Initial is not the next datagram', async t => {
  const initial = longPacket(0xc3, 110, Buffer.alloc(0))
  const handshake = longPacket(0xe1, 640)
  const padding = Buffer.alloc(1200 - initial.length - handshake.length)
  const datagram = Buffer.concat([initial, handshake, padding])
  t.equal(segmentBytes(datagram), 1200, 'the first flight of a server')
  t.equal(segmentBytes(Buffer.concat([datagram, handshake])), 1200, 'and what is glued to it')
  const hello = Buffer.concat([initial, Buffer.alloc(1200 - initial.length)])
  t.equal(segmentBytes(Buffer.concat([hello, hello])), 1200, 'a hello in two datagrams')
})

t.test('another long header says where it ends', async t => {
  const handshake = longPacket(0xe1, 640)
  t.equal(segmentBytes(handshake), handshake.length)
  t.equal(segmentBytes(Buffer.concat([handshake, shortPacket(60)])), handshake.length)
  const padded = Buffer.concat([handshake, Buffer.alloc(100)])
  t.equal(segmentBytes(padded), padded.length, 'padding is nobody else\'s')
})
