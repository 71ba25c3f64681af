// Networks that the classes do not show: one LAN, one NAT, one carrier, IPv6, mapped ports, boxes
// with a memory or a guard, profiles that are wrong.

import t from 'tap'
import { natOfClass } from '../../../bench/lab/model/nat-classes.ts'
import type { NatOptions } from '../../../bench/lab/model/spec.ts'
import { runCell } from './matrix.ts'
import {
  exchangeOffers,
  startPair,
  startScene,
  timeToDirect,
  type Scene,
} from '../../sim/punch-pair.ts'
import type { Candidate, NatProfile } from '../../../nat/index.ts'

const HOME = [{ ip: '192.168.1.2', prefixLength: 24 }]
const LINE = { up: { delayMs: 10 }, down: { delayMs: 10 } }

function oneHome(nat: NatOptions): Scene {
  return {
    hosts: [
      { name: 'visitor', ip: '192.168.1.2', behind: 'home' },
      { name: 'owner', ip: '192.168.1.3', behind: 'home' },
    ],
    boxes: [{ name: 'home', nat }],
    links: { home: LINE },
    nats: { visitor: nat, owner: nat },
  }
}

t.test('two hosts of one LAN use it, and nothing is guessed', async t => {
  const scene = oneHome(natOfClass('S3', ['203.0.113.1']))
  const punch = { networks: HOME }
  const pair = startScene(scene, { starts: false, visitor: { punch }, owner: { punch } })
  const { simulation, visitor, owner } = pair
  const hostOf = (ip: string, port: number): Candidate => ({ type: 'host', address: { ip, port } })
  const [first, second] = [visitor.offer(), owner.offer()]
  owner.start({ ...first, candidates: [hostOf('192.168.1.2', visitor.port)] })
  visitor.start({ ...second, candidates: [hostOf('192.168.1.3', owner.port)] })
  const startedAt = simulation.now()
  t.ok(simulation.runUntil(() => visitor.paths.length > 0 && owner.paths.length > 0, 100))
  t.ok(simulation.now() - startedAt < 5, 'at once')
  t.match(visitor.paths[0], { kind: 'lan', technique: 'host', socket: 0 })
  simulation.run(2000)
  t.strictSame([visitor.guessed, owner.guessed], [0, 0])
})

t.test('two homes with the same private addresses are told apart', async t => {
  const networks = [{ ip: '10.1.0.2', prefixLength: 8 }]
  const candidates: Candidate[] = [{ type: 'host', address: { ip: '10.9.9.9', port: 5000 } }]
  const side = { punch: { networks }, candidates }
  const hopeless = startPair('S3', 'S3', { visitor: side, owner: side })
  hopeless.simulation.run(100)
  t.equal(hopeless.visitor.reason, 'both networks choose ports at random')
  hopeless.simulation.run(3000)
  t.ok(hopeless.visitor.sent <= 8, `${hopeless.visitor.sent} datagrams`)
  const hard = startPair('C3', 'S1', { visitor: side, owner: side })
  t.ok((timeToDirect(hard, 1000) ?? Infinity) < 300, 'and nothing waits for the LAN')
})

t.test('a LAN that comes second is told as well, and is the better one', async t => {
  const scene = oneHome(natOfClass('C3', ['203.0.113.1'], { hairpin: true }))
  const punch = { networks: HOME }
  const pair = startScene(scene, { visitor: { punch }, owner: { punch } })
  const { simulation, visitor, owner } = pair
  t.ok(timeToDirect(pair, 500))
  t.match(visitor.paths[0], { kind: 'v4', technique: 'reflexive' })
  const offer = owner.offer()
  const near: Candidate = { type: 'host', address: { ip: '192.168.1.3', port: owner.port } }
  visitor.handleRemote({ ...offer, candidates: [...offer.candidates, near] })
  simulation.run(100)
  t.strictSame(visitor.paths.map(({ kind }) => kind), ['v4', 'lan'])
})

t.test('behind one NAT without a LAN, hairpinning decides', async t => {
  for (const hairpin of [true, false]) {
    const pair = startScene(oneHome(natOfClass('C3', ['203.0.113.1'], { hairpin })))
    t.equal(timeToDirect(pair, 3000) !== undefined, hairpin)
    t.equal(pair.visitor.reason, hairpin ? undefined : 'no answer')
  }
})

t.test('two homes behind a hairpinning box of their carrier meet within it', async t => {
  const home = (ip: string): NatOptions => natOfClass('C3', [ip])
  const nats = { visitor: home('100.64.0.2'), owner: home('100.64.0.3') }
  const pair = startScene({
    hosts: [
      { name: 'visitor', ip: '192.168.1.2', behind: 'one' },
      { name: 'owner', ip: '192.168.1.2', behind: 'two' },
    ],
    boxes: [
      { name: 'carrier', nat: natOfClass('C3', ['203.0.113.1'], { hairpin: true }) },
      { name: 'one', nat: nats.visitor, behind: 'carrier' },
      { name: 'two', nat: nats.owner, behind: 'carrier' },
    ],
    links: { carrier: LINE },
    nats,
  })
  const time = timeToDirect(pair, 3000) ?? Infinity
  t.ok(time < 60 + 50, `${time} ms`)
})

t.test('IPv6 opens what IPv4 cannot, through both firewalls', async t => {
  const nats = {
    visitor: natOfClass('S3', ['203.0.113.1']),
    owner: natOfClass('S3', ['203.0.113.2']),
  }
  const pair = startScene(
    {
      hosts: [
        { name: 'visitor', ip: '10.1.0.2', ip6: '2001:db8:1::2', behind: 'one' },
        { name: 'owner', ip: '10.1.0.2', ip6: '2001:db8:2::2', behind: 'two' },
      ],
      boxes: [
        { name: 'one', nat: nats.visitor },
        { name: 'two', nat: nats.owner },
      ],
      links: { one: LINE, two: LINE },
      nats,
    },
    { starts: false },
  )
  const { simulation, visitor, owner } = pair
  const withIpv6 = (side: typeof visitor, ip: string) => {
    const { candidates, profile } = side.offer()
    const host: Candidate = { type: 'host', address: { ip, port: side.port } }
    return { candidates: [...candidates, host], profile: { ...profile, ipv6: true } }
  }
  const offers = [withIpv6(visitor, '2001:db8:1::2'), withIpv6(owner, '2001:db8:2::2')] as const
  visitor.offer = () => offers[0]
  owner.offer = () => offers[1]
  exchangeOffers(simulation, visitor, owner)
  t.ok(timeToDirect(pair, 500))
  t.match(visitor.paths[0], { kind: 'v6', technique: 'ipv6' })
  t.match(owner.paths[0], { kind: 'v6', technique: 'ipv6' })
  simulation.run(3000)
  t.strictSame([visitor.guessed, owner.guessed], [0, 0], 'no port is guessed beside it')
})

t.test('a mapped port makes the hardest NAT easy', async t => {
  const exposed = { exposedHost: '10.2.0.2' }
  const pair = startPair('S3', 'S3', { starts: false, nats: { owner: exposed } })
  const { simulation, visitor, owner } = pair
  const mapped: Candidate = {
    type: 'mapped',
    address: { ip: '203.0.113.20', port: owner.port },
  }
  const offer = owner.offer()
  owner.offer = () => ({ ...offer, candidates: [...offer.candidates, mapped] })
  exchangeOffers(simulation, visitor, owner)
  t.ok(timeToDirect(pair, 1000))
  t.equal(visitor.paths[0]?.technique, 'mapped')
  t.strictSame([visitor.reason, owner.reason], [undefined, undefined])
})

t.test('a NAT that remembers what it refused is opened before the other side calls', async t => {
  const nats = { visitor: { remembersRefused: true }, owner: { remembersRefused: true } }
  const cell = runCell('C3', 'C3', { runs: 30, nats, withinMs: 300 })
  t.equal(cell.opened, cell.runs)
  // Without openers, and offers that take a while, each call finds its port taken.
  const punch = { limits: { openerTtl: 64 }, serverRttMs: 200 }
  const slow = { visitor: { serverRttMs: 200, punch }, owner: { serverRttMs: 200, punch } }
  const careless = startPair('C3', 'C3', { nats, ...slow, starts: false })
  const careful = startPair('C3', 'C3', { nats, starts: false })
  for (const [pair, isOpen] of [[careless, false], [careful, true]] as const) {
    const { simulation, visitor, owner } = pair
    const offers = [visitor.offer(), owner.offer()] as const
    simulation.after(0, () => owner.start(offers[0]))
    simulation.after(25, () => visitor.start(offers[1]))
    t.equal(timeToDirect(pair, 3000) !== undefined, isOpen)
  }
})

t.test('guessing does not look like an attack to a box that counts 300 a second', async t => {
  for (const [packetsPerSecond, isBlocked] of [[300, false], [30, true]] as const) {
    const floodGuard = { packetsPerSecond, blockMs: 60_000 }
    const nats = { visitor: { floodGuard }, owner: { floodGuard } }
    const { opened } = runCell('C3', 'S3', { runs: 6, nats, withinMs: 10_000 })
    t.ok(isBlocked ? opened < 3 : opened === 6, `${opened} opened`)
  }
})

t.test('a profile that is wrong delays and excludes nothing', async t => {
  const s3: Partial<NatProfile> = {
    mapping: 'address-and-port-dependent',
    ports: { type: 'random' },
  }
  const pair = startPair('C3', 'C3', { visitor: { profile: s3 }, owner: { profile: s3 } })
  t.ok(timeToDirect(pair, 500))
  t.match(pair.visitor.events.map(({ type }) => type), ['gave-up', 'path'])
  const profile = { mapping: undefined, filtering: undefined, ports: undefined }
  const blind = startPair('C3', 'C2', { visitor: { profile }, owner: { profile } })
  t.ok(timeToDirect(blind, 500))
  const open: Partial<NatProfile> = { filtering: 'endpoint-independent' }
  const closed = startPair('C3', 'S3', { visitor: { profile: open } })
  t.ok(timeToDirect(closed, 10_000), 'a filter that was said to be open is not')
})

t.test('what discovery finds out during a round is used in it', async t => {
  for (const [visitorClass, ownerClass] of [['S1', 'C3'], ['S1', 'S1'], ['C3', 'S1']] as const) {
    const pair = startPair(visitorClass, ownerClass, { starts: false })
    const { simulation, visitor, owner } = pair
    const sides = [visitor, owner].map(side => ({ side, full: side.offer() }))
    for (const { side, full } of sides) {
      const profile = { ...full.profile, ports: undefined, filtering: undefined }
      side.offer = () => ({ ...full, profile })
    }
    exchangeOffers(simulation, visitor, owner)
    simulation.after(1000, () => {
      for (const { side, full } of sides) side.handleDiscovery(full)
    })
    t.ok(timeToDirect(pair, 2500), `${visitorClass} x ${ownerClass}`)
    t.strictSame([visitor.reason, owner.reason], [undefined, undefined])
  }
})

t.test('without a fresh sample the old one does', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const pair = startPair('S1', 'C3', { seed, ageMs: 10_000 })
    pair.visitor.handleResample = () => undefined
    t.ok(timeToDirect(pair, 3000), `seed ${seed}`)
  }
})

t.test('a second round goes on with the same session', async t => {
  const pair = startPair('C3', 'C3')
  t.ok(timeToDirect(pair, 500))
  const { simulation, visitor, owner } = pair
  simulation.run(60_000)
  simulation.resetNat('visitor-nat')
  exchangeOffers(simulation, visitor, owner, 2)
  t.ok(simulation.runUntil(() => visitor.paths.length > 1 && owner.paths.length > 1, 500))
  t.equal(visitor.paths[1]?.round, 2)
})
