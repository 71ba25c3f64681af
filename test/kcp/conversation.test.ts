// Two conversations over a link of chance: SEED brings a run back.

import t from 'tap'
import { Conversation } from '../../lib/kcp/conversation.ts'
import { readFecHeader } from '../../lib/kcp/fec-packet.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { DATAGRAMS, MESSAGES } from './from-kcp-go.ts'
import { type LinkOptions, LossyPair } from './lossy-pair.ts'

const seed = testSeed()
t.comment(`SEED=${seed}`)

const LINKS: Readonly<Record<string, Omit<LinkOptions, 'random'>>> = {
  'a clean link': {},
  'a link without delay': { delayMs: 0 },
  '5 % loss': { lossPercent: 5 },
  '5 % loss, repeats and reordering': { lossPercent: 5, repeatPercent: 5, jitterMs: 15 },
  '30 % loss, repeats and reordering': { lossPercent: 30, repeatPercent: 10, jitterMs: 20 },
}

for (const [name, link] of Object.entries(LINKS)) {
  t.test(`${name}: bytes in are bytes out, both ways at once`, async t => {
    const random = seededRandom(seed)
    const pair = new LossyPair({ ...link, random })
    const bytes = [random.bytes(700_000), random.bytes(400_000)] as const
    for (const from of [0, 1] as const) {
      for (let at = 0; at < bytes[from].length; ) {
        const length = 1 + random.below(from === 0 ? 70_000 : 3_000)
        pair.write(from, bytes[from].subarray(at, at + length))
        at += length
      }
    }
    pair.run()
    t.ok(pair.received(1).equals(bytes[0]))
    t.ok(pair.received(0).equals(bytes[1]))
    t.ok(pair.ends.every(({ conversation }) => conversation.isAcknowledged))
    t.ok(pair.ends.every(({ conversation }) => conversation.deadline() === undefined))
  })
}

t.test('on a clean link nothing is sent twice', async t => {
  const random = seededRandom(seed)
  const pair = new LossyPair({ random, delayMs: 40 })
  const bytes = random.bytes(1_326 * 1_000)
  pair.write(0, bytes)
  pair.run()
  t.ok(pair.received(1).equals(bytes))
  t.equal(pair.sent[0], 1_300, 'a thousand of data, three hundred of parity')
})

t.test('what kcp-go sent is read, and what it lost is not missed', async t => {
  for (const lost of [[], [0], [4, 5, 9]]) {
    const conversation = new Conversation({ conv: 1, sendWindow: 8, receiveWindow: 32 }, 0)
    for (const [index, datagram] of DATAGRAMS.entries()) {
      if (!lost.includes(index)) conversation.handleDatagram(datagram, 300)
    }
    t.equal(String(Buffer.concat(conversation.read())), MESSAGES)
  }
})

t.test('acknowledgements alone go without a frame; what is covered needs none', async t => {
  const conversation = new Conversation({ conv: 1, sendWindow: 8, receiveWindow: 32 }, 0)
  for (const datagram of DATAGRAMS.slice(0, 6)) conversation.handleDatagram(datagram, 300)
  const out = Buffer.alloc(1_400)
  t.equal(conversation.pollTransmit(out, 0, 300), 24)
  const [head, ts, sn, una] = ['0100000052001a00', 'a5000000', '05000000', '06000000']
  t.equal(out.subarray(0, 24).toString('hex'), `${head}${ts}${sn}${una}00000000`)
  t.equal(conversation.pollTransmit(out, 0, 300), 0)
})

t.test('a reader who stops, stops the sender, and starts it again', async t => {
  const random = seededRandom(seed)
  const pair = new LossyPair({ random, lossPercent: 10 }, { receiveWindow: 64 })
  const bytes = random.bytes(1_326 * 300)
  pair.ends[1].isReading = false
  pair.write(0, bytes)
  pair.run(() => pair.now > 20_000)
  t.ok(pair.sent[0] < 200, `${pair.sent[0]} datagrams while nobody read`)
  pair.ends[1].isReading = true
  pair.run()
  t.ok(pair.received(1).equals(bytes))
})

t.test('a peer who says nothing is not flooded', async t => {
  const pair = new LossyPair({ random: seededRandom(seed), lossPercent: 100 })
  pair.write(0, Buffer.alloc(1 << 20))
  pair.run(() => pair.now > 20_000)
  t.ok(pair.sent[0] < 1_000, `${pair.sent[0]} datagrams in 20 s`)
})

t.test('small writes leave at once, framed', async t => {
  const conversation = new Conversation({ conv: 1, sendWindow: 8, receiveWindow: 32 }, 0)
  const out = Buffer.alloc(1_400)
  conversation.write([Buffer.from('a'), Buffer.from('bc')])
  t.equal(conversation.pollTransmit(out, 0, 0), 8 + 24 + 3)
  t.strictSame(readFecHeader(out), { seqid: 0, type: 0xf1 })
  t.equal(String(out.subarray(32, 35)), 'abc')
  t.equal(conversation.isWritten, true)
  t.equal(conversation.isAcknowledged, false)
})
