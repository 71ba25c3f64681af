// What a stranger, or a peer with bad intent, can send: it costs him his tunnel at most.

import t from 'tap'
import { Conversation } from '../../lib/kcp/conversation.ts'
import { Command, newSegment, type Segment, writeHeader } from '../../lib/kcp/segment.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { DATAGRAMS } from './from-kcp-go.ts'
import { LossyPair } from './lossy-pair.ts'

const seed = testSeed()
t.comment(`SEED=${seed}`)

const WINDOW = 64

function conversation(): Conversation {
  return new Conversation({ conv: 1, sendWindow: WINDOW, receiveWindow: WINDOW }, 0)
}

function segment(fields: Partial<Segment>, bytes = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(24)
  const segment = { ...newSegment(), command: Command.push, window: 64, ...fields }
  writeHeader(head, 0, 1, { ...segment, start: 0, end: bytes.length })
  return Buffer.concat([head, bytes])
}

function sent(one: Conversation, now = 0): Buffer {
  const out = Buffer.alloc(1_400)
  const all: Buffer[] = []
  for (;;) {
    const length = one.pollTransmit(out, 0, now)
    if (length === 0) return Buffer.concat(all)
    all.push(Buffer.from(out.subarray(0, length)))
  }
}

t.test('chance does no harm to a conversation under way', async t => {
  const random = seededRandom(seed)
  const pair = new LossyPair({ random, jitterMs: 5 })
  const bytes = random.bytes(200_000)
  pair.write(0, bytes)
  // Whole garbage, and garbage in place of some bytes after the conversation's number.
  pair.onDatagram = datagram => {
    const { conversation: one } = pair.ends[random.below(2) === 0 ? 0 : 1]
    one.handleDatagram(random.bytes(random.below(1_500)), pair.now)
    const broken = Buffer.from(datagram)
    broken.writeUInt32LE(2, broken.length > 40 ? 8 : 0)
    one.handleDatagram(broken, pair.now)
  }
  pair.run()
  t.ok(pair.received(1).equals(bytes))
})

t.test('fields of chance end nothing but the conversation', async t => {
  const random = seededRandom(seed)
  const one = conversation()
  one.write([Buffer.alloc(500_000)])
  for (let round = 0; round < 20_000; round++) {
    const datagram = Buffer.from(DATAGRAMS[random.below(13)] ?? [])
    for (let change = random.below(4); change > 0; change--) {
      datagram.writeUInt8(random.below(256), random.below(datagram.length))
    }
    if (random.below(20) === 0) datagram.writeUInt32LE(random.below(2 ** 32), 0)
    one.handleDatagram(datagram, round)
    sent(one, round)
    one.read()
  }
  t.pass('20000 datagrams')
})

t.test('what lies beyond the window is neither kept nor acknowledged', async t => {
  const one = conversation()
  for (const sn of [WINDOW, 1_000_000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    one.handleDatagram(segment({ sn }, Buffer.from('x')), 0)
  }
  t.strictSame(one.read(), [])
  // 0x8000_0000 and 0xffff_ffff are before it: a repetition, whose acknowledgement was lost.
  t.equal(sent(one).length, 24)
})

t.test('more than the window is not kept for a reader who has stopped', async t => {
  const one = conversation()
  const bytes = Buffer.alloc(1_400)
  for (let sn = 0; sn < 10 * WINDOW; sn++) one.handleDatagram(segment({ sn }, bytes), 0)
  const kept = Buffer.concat(one.read())
  t.equal(kept.length, 2 * WINDOW * bytes.length, 'a window in order, and one that was early')
  t.equal(one.isReadable, false)
})

t.test('a fragment of a message that never ends is bytes like others', async t => {
  const one = conversation()
  const huge = segment({ sn: 0 }, Buffer.from('abc'))
  huge.writeUInt8(255, 5)
  one.handleDatagram(huge, 0)
  t.equal(String(Buffer.concat(one.read())), 'abc')
})

t.test('acknowledgements of what was not sent count for nothing', async t => {
  const one = conversation()
  one.write([Buffer.from('abc')])
  sent(one)
  for (const una of [2, 1_000, 0x7fff_ffff]) {
    one.handleDatagram(segment({ command: Command.tellWindow, una }), 0)
  }
  for (const sn of [1, 1_000, 0xffff_ffff]) {
    one.handleDatagram(segment({ command: Command.acknowledge, sn, ts: 0xffff_fff0 }), 0)
  }
  t.equal(one.isAcknowledged, false)
  one.handleDatagram(segment({ command: Command.acknowledge, sn: 0 }), 0)
  t.equal(one.isAcknowledged, true)
})

t.test('many small segments in one datagram bring few bytes back', async t => {
  const one = conversation()
  const many = Buffer.concat(Array.from({ length: 2_000 }, (_, at) => segment({ sn: at % 64 })))
  one.handleDatagram(many, 0)
  t.equal(sent(one).length, 24)
  const repeated = Buffer.concat(Array.from({ length: 2_000 }, () => segment({ sn: 100 })))
  one.handleDatagram(repeated, 0)
  t.ok(sent(one).length <= 24 * WINDOW)
})

t.test('a peer who asks and asks is told once', async t => {
  const one = conversation()
  for (let asked = 0; asked < 100; asked++) {
    one.handleDatagram(segment({ command: Command.askWindow }), 0)
  }
  t.equal(sent(one).length, 24)
})
