// Strangers beside two peers, and a peer who is hostile himself: nobody gets in, nobody else is
// sent to, and everything that one can make a round do has an end.

import t from 'tap'
import { seededRandom } from '../../../bench/lab/model/random.ts'
import type { HostSpec } from '../../../bench/lab/model/spec.ts'
import {
  exchangeOffers,
  startPair,
  startScene,
  timeToDirect,
  type Pair,
} from '../../sim/punch-pair.ts'
import type { SimSocket } from '../../sim/sim-socket.ts'
import {
  ProbeSession,
  Puncher,
  type Candidate,
  type Offer,
  type PunchEvent,
  type PunchSend,
  type RemoteOffer,
} from '../../../nat/index.ts'

const STRANGER: HostSpec = { name: 'stranger', ip: '203.0.113.66' }
const PROFILE = {
  udp: true,
  mapping: 'endpoint-independent',
  filtering: 'endpoint-independent',
  ports: { type: 'preserving' },
  externalIps: ['203.0.113.20'],
  hairpin: false,
  carrier: false,
  ipv6: false,
} as const

/** Two peers on the open internet, so that a stranger's datagrams arrive. */
function withStranger(starts = true): Pair & { readonly stranger: SimSocket } {
  const scene = {
    hosts: [
      { name: 'visitor', ip: '203.0.113.10' },
      { name: 'owner', ip: '203.0.113.20' },
      STRANGER,
    ],
    boxes: [],
    nats: {},
  }
  const pair = startScene(scene, { starts })
  return { ...pair, stranger: pair.simulation.openSocket('stranger') }
}

t.test('forged probes get no answer and open nothing', async t => {
  const { simulation, stranger, visitor, owner } = withStranger(false)
  owner.start(visitor.offer())
  const random = seededRandom(5)
  const other = new ProbeSession({
    role: 'visitor',
    keys: { send: new Uint8Array(32).fill(8), receive: new Uint8Array(32).fill(9) },
    random,
  })
  const to = { ip: '203.0.113.20', port: owner.port }
  const real = visitor.session.request({ to }).data
  for (let count = 0; count < 1000; count++) {
    const { data } = other.request({ to })
    // Every other one has the tag of the session, which anybody on the way can read.
    if (count % 2 === 0) data.set(real.subarray(24, 32), 24)
    stranger.send(data, to)
  }
  simulation.run(3000)
  t.strictSame(stranger.received, [])
  t.strictSame(owner.paths, [])
  t.notOk([...owner.sentTo].some(address => address.startsWith(STRANGER.ip)))
})

t.test('probes that a stranger saw and sends again are dropped', async t => {
  const pair = withStranger()
  const { simulation, stranger, visitor, owner } = pair
  const seen: Uint8Array[] = []
  owner.onDatagram = ({ payload, from }) => {
    if (from.ip !== STRANGER.ip) seen.push(Uint8Array.from(payload))
  }
  t.ok(timeToDirect(pair, 500))
  simulation.run(1000)
  t.ok(seen.length > 3)
  for (const data of seen) stranger.send(data, { ip: '203.0.113.20', port: owner.port })
  simulation.run(1000)
  t.strictSame(stranger.received, [])
  t.strictSame(visitor.paths.length + owner.paths.length, 2)
})

t.test('who carries a fresh probe elsewhere proves no path, and wins a bounded number', async t => {
  const { simulation, stranger, visitor, owner } = withStranger(false)
  const offer: Offer = { candidates: [], profile: { ...PROFILE } }
  owner.start(offer)
  // As if he stood on the way and let nothing through: he has the only copy.
  const to = { ip: '203.0.113.20', port: owner.port }
  stranger.send(visitor.session.request({ to }).data, to)
  simulation.run(10_000)
  t.strictSame(owner.paths, [])
  t.ok(stranger.received.length > 0, 'the owner cannot know yet')
  t.ok(stranger.received.length <= 3, `${stranger.received.length} datagrams for one`)
})

t.test('an answer from another place than was asked opens nothing', async t => {
  const { simulation, stranger, visitor, owner } = withStranger(false)
  visitor.start(owner.offer())
  const answers: Uint8Array[] = []
  owner.onDatagram = ({ payload, from }) => {
    const probe = owner.session.receive(payload)
    if (probe?.type === 'request') answers.push(owner.session.response(probe, from))
  }
  simulation.run(100)
  t.ok(answers.length > 0)
  const to = { ip: '203.0.113.10', port: visitor.port }
  for (const answer of answers) stranger.send(answer, to)
  simulation.run(500)
  t.strictSame(visitor.paths, [])
})

t.test('a hostile list of candidates makes nobody else be sent to', async t => {
  const { simulation, visitor, owner } = withStranger(false)
  const hostile = [
    '127.0.0.1',
    '255.255.255.255',
    '224.0.0.251',
    '169.254.169.254',
    '10.0.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '::1',
    'ff02::1',
    'fd00::1',
    '64:ff9b::a00:1',
  ]
  const candidates: Candidate[] = [
    ...hostile.map(ip => ({ type: 'host' as const, address: { ip, port: 53 } })),
    { type: 'srflx', address: { ip: '198.51.100.1', port: 3478 } },
  ]
  owner.start({ candidates, profile: { ...PROFILE } })
  const punch = { avoid: [{ ip: '198.51.100.1', port: 3478 }] }
  simulation.run(3000)
  t.strictSame([...owner.sentTo], ['198.51.100.1 3478'], 'but for frps, where nobody said so')
  const careful = startPair('P', 'P', { starts: false, owner: { punch } })
  careful.owner.start({ candidates, profile: { ...PROFILE } })
  careful.simulation.run(3000)
  t.strictSame([...careful.owner.sentTo], [])
  t.equal(careful.owner.reason, 'no usable address of the peer')
  t.equal(visitor.sent, 0)
})

t.test('ports are guessed on addresses only that frps has seen', async t => {
  const lies = { externalIps: ['203.0.113.66'] }
  for (const [visitor, owner] of [['C3', 'S3'], ['C3', 'S1'], ['C3', 'S2']] as const) {
    const pair = startPair(visitor, owner, { owner: { profile: lies } })
    pair.simulation.run(15_000)
    t.equal(pair.visitor.guessed, 0)
    t.notOk(pair.visitor.events.some(({ type }) => type === 'ask-token'))
  }
})

t.test('without leave nothing is guessed', async t => {
  const pair = startPair('C3', 'S3', { visitor: { token: false }, owner: { token: false } })
  t.equal(timeToDirect(pair, 5000), undefined)
  t.equal(pair.visitor.guessed, 0)
  t.equal(pair.visitor.reason, 'ports were guessed a moment ago')
  t.equal(pair.owner.openSockets, 1)
})

t.test('a plain round guesses nothing either', async t => {
  const punch = { scope: 'plain' } as const
  const pair = startPair('C3', 'S3', { visitor: { punch }, owner: { punch } })
  t.equal(timeToDirect(pair, 5000), undefined)
  t.strictSame([pair.visitor.guessed, pair.owner.guessed], [0, 0])
  t.equal(pair.visitor.reason, 'no answer')
})

t.test('a round closes its sockets, but for those of paths', async t => {
  const opened = startPair('C3', 'S3')
  t.ok(timeToDirect(opened, 10_000))
  opened.simulation.run(1000)
  t.ok(opened.owner.openSockets <= 3, `${opened.owner.openSockets} are open`)
  const failed = startPair('C3', 'S3', { visitor: { token: false } })
  t.equal(timeToDirect(failed, 15_000), undefined)
  t.equal(failed.owner.openSockets, 1)
})

t.test('a guess has a budget, a pace, and an end', async t => {
  const limits = { guesses: 300, perSecond: 100, guessForMs: 5000 }
  const punch = { limits }
  const pair = startPair('C3', 'S3', { visitor: { punch }, owner: { token: false } })
  const { simulation, visitor } = pair
  let before = 0
  for (let second = 0; second < 8; second++) {
    simulation.run(1000)
    if (visitor.guessed - before > 100 + 64) t.fail(`${visitor.guessed - before} in a second`)
    before = visitor.guessed
  }
  t.equal(visitor.guessed, 300)
  t.equal(visitor.reason, 'no answer')
})

t.test('a round that is over sleeps, and one that guesses wakes as often as it sends', async t => {
  const pair = startPair('S3', 'C3', { owner: { token: false } })
  const { simulation, visitor } = pair
  simulation.run(15_000)
  t.ok(visitor.wakeUps < visitor.sent + 100, `${visitor.wakeUps} times for ${visitor.sent}`)
  simulation.run(30_000)
  const before = visitor.wakeUps
  simulation.run(60_000)
  t.equal(visitor.wakeUps, before)
})

/** A puncher fed by hand, and all that it gives. */
class Fed {
  readonly puncher: Puncher
  readonly sends: PunchSend[] = []
  readonly events: PunchEvent[] = []
  now = 0

  constructor(random: () => number) {
    const keys = { send: new Uint8Array(32), receive: new Uint8Array(32).fill(1) }
    const session = new ProbeSession({ role: 'visitor', keys, random })
    const local: Offer = { candidates: [], profile: { ...PROFILE } }
    const options = { role: 'visitor', session, round: 1, local, random, serverRttMs: 30 } as const
    this.puncher = new Puncher(options, 0)
  }

  drain(): void {
    for (;;) {
      const send = this.puncher.poll(this.now)
      const event = this.puncher.pollEvent()
      if (send) this.sends.push(send)
      if (event) this.events.push(event)
      if (!send && !event) return
    }
  }
}

t.test('a peer who sends offers for ever wins 64 addresses and no more', async t => {
  const fed = new Fed(seededRandom(1))
  for (let count = 0; count < 200; count++) {
    const candidates = Array.from({ length: 500 }, (_, index): Candidate => {
      return { type: 'srflx', address: { ip: `9.${count}.${index >>> 8}.${index & 255}`, port: 9 } }
    })
    const remote: RemoteOffer = { candidates, profile: { ...PROFILE }, observed: [] }
    fed.puncher.handleRemote(remote, fed.now)
    fed.drain()
    fed.now += 10
  }
  for (; fed.now < 10_000; fed.now += 10) fed.drain()
  t.ok(new Set(fed.sends.map(({ to }) => to.ip)).size <= 64)
  t.ok(fed.sends.length <= 64 * 8, `${fed.sends.length} datagrams`)
})

t.test('any order of events ends, within the bounds of a round', async t => {
  const mappings = ['none', 'endpoint-independent', 'address-and-port-dependent'] as const
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
    const fed = new Fed(random)
    const { puncher } = fed
    const profile = () => ({
      ...PROFILE,
      udp: random() < 0.9,
      mapping: pick(mappings),
      ports: pick([
        { type: 'random' } as const,
        { type: 'preserving' } as const,
        { type: 'random-in-block', first: random() * 70_000, size: random() * 5000 } as const,
        {
          type: 'sequential',
          step: random() * 9 - 4,
          last: random() * 65_535,
          at: fed.now - random() * 9999,
          ratePerSecond: random() * 99,
        } as const,
      ]),
    })
    const address = () => ({ ip: `203.0.113.${Math.floor(random() * 30)}`, port: 9000 })
    const candidates = (): Candidate[] => [
      { type: pick(['host', 'srflx', 'mapped'] as const) ?? 'host', address: address() },
    ]
    for (let step = 0; step < 60; step++) {
      fed.now += random() * 300
      const chance = random()
      if (chance < 0.3) {
        const observed = ['203.0.113.20']
        const remote = { candidates: candidates(), profile: profile(), observed }
        puncher.handleRemote(remote, fed.now)
      } else if (chance < 0.4) {
        puncher.handleLocal({ candidates: candidates(), profile: profile() }, fed.now)
      } else if (chance < 0.6) puncher.handleToken(random() < 0.8, fed.now)
      else if (chance < 0.8) {
        const count = Math.floor(random() * 300)
        puncher.handleSockets(Array.from({ length: count }, (_, index) => index + 1), fed.now)
      } else {
        puncher.handleDatagram(0, new Uint8Array(Math.floor(random() * 90)), address(), fed.now)
      }
      fed.drain()
    }
    for (let turns = 0; puncher.deadline() < Infinity; turns++) {
      if (turns > 10_000) return t.fail(`seed ${seed} has no end`)
      fed.now = Math.max(fed.now, puncher.deadline())
      fed.drain()
    }
    if (fed.sends.length > 2048 + 64 * 8) t.fail(`seed ${seed}: ${fed.sends.length} datagrams`)
    if (fed.events.filter(({ type }) => type === 'gave-up').length > 1) t.fail(`seed ${seed}`)
    const ports = fed.sends.map(({ to }) => to.port)
    if (ports.some(port => !Number.isInteger(port) || port < 1024)) t.fail(`seed ${seed}: ports`)
  }
  t.pass('60 seeds')
})

t.test('offers may come in any order: whoever is late finds the other waiting', async t => {
  const pair = startPair('C3', 'C3', { starts: false })
  const { simulation, visitor, owner } = pair
  const offers = [visitor.offer(), owner.offer()] as const
  owner.start(offers[0])
  simulation.after(1300, () => visitor.start(offers[1]))
  t.ok(timeToDirect(pair, 3000))
  exchangeOffers(simulation, visitor, owner, 2)
  simulation.run(1000)
  t.ok(visitor.paths.length >= 2)
})
