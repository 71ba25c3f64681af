import t from 'tap'
import type { Address } from '../../lib/address.ts'
import { Hole, type HoleOptions, type HoleOutput } from '../../lib/nathole/hole.ts'
import { decodeSidPacket, encodeSidPacket } from '../../lib/nathole/sid-packet.ts'
import { isTunnelStart } from '../../lib/nathole/tunnel.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import type { DetectBehavior } from '../../lib/wire/messages.ts'
import { seededRandom } from '../../bench/lab/model/random.ts'

const KEY = deriveKey('open sesame')
const PEER: Address = { ip: '192.0.2.1', port: 5000 }
const LAN: Address = { ip: '192.168.1.9', port: 5000 }

const BEHAVIOR: DetectBehavior = {
  role: 'receiver',
  mode: 0,
  ttl: 0,
  send_delay_ms: 0,
  read_timeout: 5_000,
  candidate_ports: [],
  send_random_ports: 0,
  listen_random_ports: 0,
}

function holeOf(behavior: Partial<DetectBehavior>, more: Partial<HoleOptions> = {}): Hole {
  const random = seededRandom(7)
  return new Hole(
    {
      sid: 'sid1',
      transactionId: 'ours',
      key: KEY,
      behavior: { ...BEHAVIOR, ...behavior },
      candidates: [PEER],
      assisted: [LAN],
      isTunnelStart: undefined,
      random,
      newIv: () => Buffer.from(Array.from({ length: 16 }, () => random() * 256)),
      ...more,
    },
    0,
  )
}

type Send = Extract<HoleOutput, { type: 'send' }>

/** Everything until `end`, at the machine's own times. */
function run(hole: Hole, end: number, from = 0): { at: number; out: HoleOutput }[] {
  const outputs: { at: number; out: HoleOutput }[] = []
  let now = from
  for (;;) {
    for (let out = hole.poll(now); out; out = hole.poll(now)) outputs.push({ at: now, out })
    const next = hole.deadline()
    if (next === undefined || next > end) return outputs
    now = Math.max(now, next)
  }
}

function sends(outputs: readonly { at: number; out: HoleOutput }[]): (Send & { at: number })[] {
  return outputs.flatMap(({ at, out }) => (out.type === 'send' ? [{ ...out, at }] : []))
}

function packet(isResponse: boolean, { sid = 'sid1', key = KEY } = {}): Buffer {
  const options = { key, iv: Buffer.alloc(16, 3), random: () => 0 }
  return encodeSidPacket({ sid, transactionId: 'theirs', isResponse }, options)
}

const isAnswer = ({ data }: Send): boolean | undefined => decodeSidPacket(data, KEY)?.isResponse

t.test('a sender asks every address again and again until the time is over', async t => {
  const outputs = run(holeOf({ role: 'sender' }), 10_000)
  const all = sends(outputs)
  for (const to of [PEER, LAN]) {
    const times = all.filter(send => send.to === to).map(({ at }) => at)
    t.strictSame(times, [0, 100, 200, 400, 800, 1_600, 3_200, 4_800])
  }
  t.ok(all.every(send => isAnswer(send) === false))
  t.strictSame(outputs.at(-1), { at: 5_000, out: { type: 'failed' } })
})

t.test('a receiver says unasked what a real sender waits for', async t => {
  const all = sends(run(holeOf({ role: 'receiver' }), 1_000))
  t.ok(all.length > 4)
  t.ok(all.every(send => isAnswer(send) === true))
})

t.test('in a mode of ours a receiver asks, because the other one receives as well', async t => {
  const all = sends(run(holeOf({ role: 'receiver', mode: 6 }), 1_000))
  t.ok(all.every(send => isAnswer(send) === false))
})

t.test('only the first packet has the low TTL', async t => {
  const all = sends(run(holeOf({ ttl: 7 }), 1_000)).filter(({ to }) => to === PEER)
  t.strictSame(all.map(({ ttl }) => ttl), [7, 0, 0, 0, 0])
})

t.test('a sender is done with an answer and not with a question', async t => {
  const hole = holeOf({ role: 'sender' })
  run(hole, 10)
  const from = { ip: '192.0.2.1', port: 7777 }
  t.equal(hole.handleDatagram(0, packet(true), from, 20), true)
  t.strictSame(hole.poll(20), { type: 'open', socket: 0, remote: from }, 'from wherever it came')
  const other = holeOf({ role: 'sender' })
  other.handleDatagram(0, packet(false), from, 20)
  t.notMatch(run(other, 300, 20), [{ out: { type: 'open' } }])
})

t.test('a sender whose questions are heard but not answered goes on after 400 ms', async t => {
  const hole = holeOf({ role: 'sender' })
  run(hole, 10)
  const from = { ip: '192.0.2.1', port: 7777 }
  hole.handleDatagram(0, packet(false), from, 20)
  const outputs = run(hole, 2_000, 20)
  t.match(outputs.find(({ out }) => out.type === 'open'), { at: 420, out: { remote: from } })
  t.ok(sends(outputs).some(({ at, to }) => to === from && at > 420), 'and goes on asking')
})

t.test('a receiver is done with anything, and answers more than once', async t => {
  const hole = holeOf({ role: 'receiver' })
  run(hole, 10)
  const from = { ip: '192.0.2.1', port: 7777 }
  hole.handleDatagram(0, packet(false), from, 20)
  const outputs = run(hole, 3_000, 20)
  t.match(outputs[0], { out: { type: 'open', socket: 0, remote: from } })
  const answers = sends(outputs)
  t.strictSame(answers.map(({ at }) => at - 20), [0, 40, 120, 280, 600])
  t.ok(answers.every(send => isAnswer(send) === true && send.to === from))
  hole.handleDatagram(0, packet(false), from, 4_000)
  t.equal(sends(run(hole, 4_000, 4_000)).length, 1, 'and once more when it is asked again')
})

t.test('who does not know the key or the session opens nothing', async t => {
  for (const data of [
    packet(true, { sid: 'sid2' }),
    packet(true, { key: deriveKey('open barley') }),
    Buffer.alloc(100, 0x40),
  ]) {
    const hole = holeOf({})
    run(hole, 10)
    t.equal(hole.handleDatagram(0, data, PEER, 20), false)
    t.equal(run(hole, 90, 20).length, 0)
  }
})

t.test('the side that answers QUIC takes a first packet of it for the peer’s', async t => {
  const initial = Buffer.alloc(1_252, 0xc3)
  const hole = holeOf({}, { isTunnelStart: data => isTunnelStart('quic', data) })
  run(hole, 10)
  const stranger = { ip: '203.0.113.5', port: 1 }
  t.equal(hole.handleDatagram(0, initial, stranger, 20), false)
  t.equal(hole.poll(20), undefined, 'not of somebody else')
  t.equal(hole.handleDatagram(0, initial, { ip: PEER.ip, port: 9 }, 20), false, 'QUIC reads it')
  t.match(hole.poll(20), { type: 'open', remote: { ip: PEER.ip, port: 9 } })
  const visitor = holeOf({})
  visitor.handleDatagram(0, initial, PEER, 20)
  t.notMatch(run(visitor, 90, 20), [{ out: { type: 'open' } }])
})

t.test('guessed ports go out in their order, and nothing else meanwhile', async t => {
  const candidate_ports = [{ from: 6_001, to: 6_001 }, { from: 6_003, to: 6_005 }]
  const all = sends(run(holeOf({ mode: 7, candidate_ports }), 150))
  t.strictSame(
    all.map(({ at, to }) => `${at} ${to.port}`),
    ['0 6001', '2 6003', '4 6004', '6 6005'],
  )
})

t.test('a hard receiver opens sockets first, and sends from each of them', async t => {
  const hole = holeOf({ listen_random_ports: 256, ttl: 7 })
  t.strictSame(hole.poll(0), { type: 'open-sockets', count: 256 })
  t.equal(hole.poll(0), undefined)
  hole.handleSockets(200, 10)
  const all = sends(run(hole, 400, 10)).filter(({ to }) => to === PEER)
  t.equal(new Set(all.map(({ socket }) => socket)).size, 201, 'as many as there are')
  hole.handleDatagram(77, packet(false), PEER, 500)
  t.match(hole.poll(500), { type: 'open', socket: 77 })
})

t.test('random ports: 200 a second, each once, none of services, and an end', async t => {
  const hole = holeOf({ role: 'sender', send_random_ports: 1_000, read_timeout: 35_000 })
  const sprayed = sends(run(hole, 20_000)).filter(({ to }) => to !== PEER && to !== LAN)
  t.equal(sprayed.length, 2_048)
  t.equal(new Set(sprayed.map(({ to }) => to.port)).size, 2_048)
  t.ok(sprayed.every(({ to }) => to.ip === PEER.ip && to.port >= 1_024))
  const inSecond = sprayed.filter(({ at }) => at >= 2_000 && at < 3_000).length
  t.ok(inSecond <= 201, `${inSecond} in a second`)
})

t.test('a loop that was late does not send all that it missed', async t => {
  const hole = holeOf({ role: 'sender', send_random_ports: 1_000, read_timeout: 35_000 })
  run(hole, 1_000)
  let burst = 0
  while (hole.poll(3_000)) burst++
  t.ok(burst < 20, `${burst} packets`)
})

t.test('whatever frps says, there is an end to it', async t => {
  const wild = {
    listen_random_ports: 1_000_000,
    read_timeout: 1e12,
    ttl: 1e6,
    candidate_ports: [{ from: -5, to: 1e9 }],
  }
  const hole = holeOf(wild, { candidates: Array.from({ length: 500 }, () => PEER) })
  t.match(hole.poll(0), { type: 'open-sockets', count: 256 })
  hole.handleSockets(0, 0)
  const outputs = run(hole, 1e12)
  t.ok(sends(outputs).length < 5_000, `${sends(outputs).length} packets`)
  t.ok(sends(outputs).every(({ ttl, to }) => ttl <= 255 && to.port >= 1 && to.port <= 65_535))
  t.match(outputs.at(-1), { at: 60_000, out: { type: 'failed' } })
})
