// One round, fed by hand: what goes out when.

import t from 'tap'
import { seededRandom } from '../../../bench/lab/model/random.ts'
import {
  ProbeSession,
  Puncher,
  type NatProfile,
  type Offer,
  type PunchEvent,
  type PunchOptions,
  type PunchSend,
  type RemoteOffer,
} from '../../../nat/index.ts'

const PEER = { ip: '203.0.113.20', port: 40_000 }
const HERE = { ip: '203.0.113.10', port: 50_000 }
const ONE = new Uint8Array(32).fill(1)
const TWO = new Uint8Array(32).fill(2)
const SYMMETRIC = 'address-and-port-dependent'
const PROFILE: NatProfile = {
  udp: true,
  mapping: 'endpoint-independent',
  filtering: SYMMETRIC,
  ports: { type: 'preserving' },
  externalIps: [PEER.ip],
  hairpin: false,
  carrier: false,
  ipv6: false,
}
const COUNTING = { type: 'sequential', step: 1, last: 30_000, at: 0, ratePerSecond: 0 } as const

interface Timed {
  readonly at: number
  readonly send: PunchSend
}

class Round {
  readonly puncher: Puncher
  readonly peer: ProbeSession
  readonly sends: Timed[] = []
  readonly events: PunchEvent[] = []
  now = 0

  constructor(options: Partial<PunchOptions> = {}) {
    const { role = 'visitor' } = options
    const random = seededRandom(1)
    const session = new ProbeSession({ role, keys: { send: ONE, receive: TWO }, random })
    const other = role === 'visitor' ? 'owner' : 'visitor'
    this.peer = new ProbeSession({ role: other, keys: { send: TWO, receive: ONE }, random })
    const local = { candidates: [], profile: PROFILE }
    const fixed = { role, session, round: 1, local, random, serverRttMs: 100 }
    this.puncher = new Puncher({ ...fixed, ...options }, 0)
  }

  hear(remote: Partial<RemoteOffer> = {}): void {
    const candidates = [{ type: 'srflx', address: PEER }] as const
    const offer = { candidates, profile: PROFILE, observed: [PEER.ip], ...remote }
    this.puncher.handleRemote(offer, this.now)
  }

  runTo(end: number): void {
    for (;;) {
      this.#drain()
      const deadline = this.puncher.deadline()
      if (deadline > end) break
      this.now = Math.max(this.now, deadline)
    }
    this.now = end
  }

  /** The peer answers what was sent last. */
  answer(): void {
    const last = this.sends.at(-1)
    const request = last && this.peer.receive(last.send.data)
    if (!request) throw new Error('nothing was asked')
    const data = this.peer.response(request, HERE)
    this.puncher.handleDatagram(last.send.socket, data, PEER, this.now)
    this.#drain()
  }

  /** The peer asks, from there. */
  ask(isValidated = false, from = PEER): void {
    const { data } = this.peer.request({ to: HERE, isValidated })
    this.puncher.handleDatagram(0, data, from, this.now)
    this.#drain()
  }

  /** When what went out. */
  times(): number[] {
    return this.sends.map(({ at }) => at)
  }

  types(): string[] {
    return this.events.map(({ type }) => type)
  }

  #drain(): void {
    for (;;) {
      const send = this.puncher.poll(this.now)
      const event = this.puncher.pollEvent()
      if (send) this.sends.push({ at: this.now, send })
      if (event) this.events.push(event)
      if (!send && !event) return
    }
  }
}

t.test('a candidate is tried eight times in 1.6 s, then the round gives up', async t => {
  const round = new Round()
  round.hear()
  round.runTo(5000)
  t.strictSame(round.times(), [0, 33, 66, 133, 266, 533, 1066, 1600])
  t.match(round.events, [{ type: 'gave-up', reason: 'no answer', isHopeless: false }])
})

t.test('the owner opens his NAT with one that dies on its way, until it is time', async t => {
  const round = new Round({ role: 'owner' })
  round.hear()
  round.runTo(140)
  t.strictSame(round.times(), [0, 100, 133])
  t.strictSame(round.sends.map(({ send }) => send.ttl), [5, undefined, undefined])
})

t.test('the visitor, and an owner whose visitor has no NAT, open with all they have', async t => {
  for (const role of ['visitor', 'owner'] as const) {
    const round = new Round({ role })
    round.hear({ profile: { ...PROFILE, mapping: role === 'owner' ? 'none' : PROFILE.mapping } })
    round.runTo(40)
    t.strictSame(round.sends.map(({ send }) => send.ttl), [undefined, undefined])
  }
})

t.test('an answer is a path: its socket, where the peer sees us, and how long it took', async t => {
  const round = new Round()
  round.hear()
  round.runTo(20)
  round.answer()
  t.match(round.events, [
    {
      type: 'path',
      socket: 0,
      remote: PEER,
      mapped: HERE,
      rttMs: 20,
      kind: 'v4',
      technique: 'reflexive',
      round: 1,
    },
  ])
})

t.test('three more follow, so that the peer learns it, and end when he has', async t => {
  for (const hasTold of [false, true]) {
    const round = new Round()
    round.hear()
    round.runTo(20)
    round.answer()
    round.runTo(70)
    if (hasTold) round.ask(true)
    round.runTo(5000)
    const requests = round.sends.filter(({ send }) => round.peer.receive(send.data))
    t.equal(requests.filter(({ at }) => at > 20 && at !== 70).length, hasTold ? 1 : 3)
    t.strictSame(round.types(), ['path'])
  }
})

t.test('a request is answered, and from a new place asked back', async t => {
  const round = new Round()
  round.hear()
  round.runTo(1)
  const elsewhere = { ...PEER, port: 40_001 }
  round.ask(false, elsewhere)
  const [, response, request] = round.sends.map(({ send }) => round.peer.receive(send.data))
  t.match(response, { type: 'response', address: elsewhere })
  t.match(request, { type: 'request', address: elsewhere })
})

t.test('requests are answered before there is an offer, and after the end', async t => {
  const round = new Round()
  round.ask()
  t.equal(round.sends.length, 2)
  round.hear()
  round.runTo(60_000)
  const before = round.sends.length
  round.ask()
  t.ok(round.sends.length > before)
})

t.test('what is no probe of this session is left to others', async t => {
  const round = new Round()
  const stun = new Uint8Array(20)
  t.equal(round.puncher.handleDatagram(0, stun, PEER, 0), false)
  const { id, data } = round.peer.request({ to: HERE })
  t.equal(round.puncher.handleDatagram(0, data, PEER, 0), true)
  const stray = { type: 'response', id, round: 0, isValidated: false, address: HERE } as const
  t.equal(round.puncher.handleProbe(0, stray, PEER, 0), false, 'an answer to nobody')
})

t.test('a counting NAT is sampled anew before its ports are foreseen', async t => {
  const local: Offer = {
    candidates: [],
    profile: { ...PROFILE, mapping: SYMMETRIC, ports: COUNTING },
  }
  const round = new Round({ local, serverRttMs: 30 })
  round.now = 5000
  round.hear()
  round.runTo(5070)
  t.strictSame(round.types(), ['resample', 'ask-token'])
  round.puncher.handleToken(true, round.now)
  round.runTo(5071)
  t.strictSame(round.types().at(-1), 'open-sockets')
  round.puncher.handleSockets([1, 2, 3], round.now)
  round.runTo(5105)
  t.notOk(round.sends.some(({ send }) => send.socket > 0), 'the sample is awaited')
  round.puncher.handleLocal(local, round.now)
  round.runTo(5106)
  t.strictSame(round.sends.slice(-3).map(({ send }) => send.socket), [1, 2, 3])
})

t.test('a walk begins behind the sample and goes on ahead of it', async t => {
  const round = new Round()
  round.hear({ profile: { ...PROFILE, mapping: SYMMETRIC, ports: COUNTING } })
  round.runTo(1)
  t.strictSame(round.types(), ['ask-token'])
  round.puncher.handleToken(true, 1)
  round.runTo(600)
  const ports = round.sends.map(({ send }) => send.to.port).filter(port => port < 32_000)
  t.equal(Math.min(...ports), 29_977)
  t.ok(Math.max(...ports) > 30_060)
})

t.test('leave that never comes ends the round all the same', async t => {
  const round = new Round()
  round.hear({ profile: { ...PROFILE, mapping: SYMMETRIC, ports: { type: 'random' } } })
  round.runTo(15_000)
  t.match(round.events.at(-1), { type: 'gave-up', reason: 'no answer' })
})

t.test('a machine that could open no socket goes on with what it has', async t => {
  const local: Offer = {
    candidates: [],
    profile: { ...PROFILE, mapping: SYMMETRIC, ports: undefined },
  }
  const round = new Round({ local })
  round.hear()
  round.runTo(50)
  round.puncher.handleToken(true, 50)
  round.runTo(60)
  round.puncher.handleSockets([], 60)
  round.runTo(15_000)
  t.match(round.events.at(-1), { type: 'gave-up', reason: 'no answer' })
})

t.test('without UDP on either side it is known at once', async t => {
  const deaf = { ...PROFILE, udp: false }
  const here = new Round({ local: { candidates: [], profile: deaf } })
  here.hear()
  here.runTo(0)
  t.match(here.events, [{ type: 'gave-up', reason: 'no UDP here', isHopeless: true }])
  const there = new Round()
  there.hear({ profile: deaf })
  there.runTo(0)
  t.match(there.events, [{ type: 'gave-up', reason: 'the peer has no UDP', isHopeless: true }])
})
