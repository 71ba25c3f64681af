// Hosts, boxes and links together: ways through one and more boxes, hops, MTU, and what is told to
// whoever sent too much.

import t from 'tap'
import { formatKey } from '../../bench/lab/model/ip.ts'
import { natOfClass } from '../../bench/lab/model/nat-classes.ts'
import { Network } from '../../bench/lab/model/network.ts'
import { seededRandom } from '../../bench/lab/model/random.ts'
import type { NetworkSpec } from '../../bench/lab/model/spec.ts'
import { FIRST, OBSERVER_HOSTS, ask, openObservers } from '../sim/observers.ts'
import { isIntact, parsed, udp } from '../sim/packets.ts'
import { Simulation } from '../sim/simulation.ts'

const CARRIER = natOfClass('S3', ['203.0.113.50'])
const HOME = natOfClass('C3', ['100.64.0.7'])

const SERVER = { name: 'server', ip: '198.51.100.9', ip6: '2001:db8:1::9' }

/** A host behind a home router behind a carrier's NAT. */
const SERIES: NetworkSpec = {
  hosts: [
    ...OBSERVER_HOSTS,
    { name: 'laptop', ip: '192.168.1.2', ip6: '2001:db8::2', behind: 'home' },
    SERVER,
  ],
  boxes: [
    { name: 'carrier', nat: CARRIER },
    { name: 'home', nat: HOME, behind: 'carrier', ip: '192.168.1.1' },
  ],
}

function network(spec: NetworkSpec): Network {
  return new Network(spec, { random: seededRandom(1) })
}

t.test('boxes in series: the outermost address is seen, the strictest box decides', async t => {
  const simulation = new Simulation(SERIES)
  openObservers(simulation)
  const socket = simulation.openSocket('laptop', { port: 5000 })
  t.equal(ask(simulation, socket, FIRST)?.ip, '203.0.113.50')
  t.equal(ask(simulation, socket, FIRST, 'other port'), undefined)
  t.match(simulation.mappings('home'), [{ outside: { ip: '100.64.0.7', port: 5000 } }])
  t.match(simulation.mappings('carrier'), [{ inside: { ip: '100.64.0.7', port: 5000 } }])
})

t.test('two homes of one carrier meet where the carrier hairpins', async t => {
  for (const hairpin of [true, false]) {
    const simulation = new Simulation({
      hosts: [
        ...OBSERVER_HOSTS,
        { name: 'one', ip: '192.168.1.2', behind: 'home-1' },
        { name: 'two', ip: '192.168.1.2', behind: 'home-2' },
      ],
      boxes: [
        { name: 'carrier', nat: natOfClass('C1', ['203.0.113.50'], { hairpin }) },
        { name: 'home-1', nat: natOfClass('C3', ['100.64.0.1']), behind: 'carrier' },
        { name: 'home-2', nat: natOfClass('C3', ['100.64.0.2']), behind: 'carrier' },
      ],
    })
    openObservers(simulation)
    const one = simulation.openSocket('one')
    const two = simulation.openSocket('two')
    const [seenOne, seenTwo] = [ask(simulation, one, FIRST), ask(simulation, two, FIRST)]
    if (!seenOne || !seenTwo) throw new Error('an observer did not answer')
    one.onMessage = two.onMessage = undefined
    for (const [socket, to] of [[one, seenTwo], [two, seenOne], [one, seenTwo]] as const) {
      socket.send('probe', to)
      simulation.run(10)
    }
    t.strictSame([one.received.length, two.received.length], hairpin ? [1, 1] : [0, 0])
  }
})

t.test('hosts of one box meet without it', async t => {
  const simulation = new Simulation({
    hosts: [
      { name: 'one', ip: '192.168.1.2', behind: 'home' },
      { name: 'two', ip: '192.168.1.3', behind: 'home' },
    ],
    boxes: [{ name: 'home', nat: natOfClass('S3', ['203.0.113.1']) }],
    links: { home: { up: { delayMs: 1000 } } },
  })
  const two = simulation.openSocket('two', { port: 7 })
  simulation.openSocket('one', { port: 6 }).send('hello', { ip: '192.168.1.3', port: 7 })
  simulation.run(1)
  t.match(two.received, [{ from: { ip: '192.168.1.2', port: 6 }, ttl: 64 }])
})

t.test('a plain router takes a hop and changes nothing; its link is shared', async t => {
  const net = network({
    hosts: [
      { name: 'one', ip: '203.0.113.1', behind: 'router' },
      { name: 'two', ip: '203.0.113.2', behind: 'router' },
      { name: 'far', ip: '198.51.100.1' },
    ],
    boxes: [{ name: 'router' }],
    links: { router: { up: { rateBitsPerSecond: 1_000_000 } } },
  })
  for (const ip of ['203.0.113.1', '203.0.113.2']) {
    const packet = udp({ ip, port: 1 }, { ip: '198.51.100.1', port: 2 }, new Uint8Array(97))
    net.send(ip.endsWith('1') ? 'one' : 'two', packet.bytes, 0)
  }
  const [first, second] = [net.poll(10), net.poll(10)]
  t.strictSame([first?.at, second?.at], [1, 2])
  t.equal(formatKey(parsed(first?.packet ?? new Uint8Array()).source), '203.0.113.1')
  t.equal(parsed(first?.packet ?? new Uint8Array()).ttl, 62)
})

t.test('a low TTL ends in the way, and who lets it die says so', async t => {
  const simulation = new Simulation({ ...SERIES, coreHops: 5 })
  const socket = simulation.openSocket('laptop', { port: 5000 })
  simulation.openSocket('server', { port: 9 })
  const seen = [1, 2, 3, 7, 8].map(ttl => {
    socket.problems.length = 0
    socket.send('probe', { ip: '198.51.100.9', port: 9 }, { ttl })
    simulation.run(10)
    return socket.problems.map(({ type, by, to }) => `${type} ${by} ${to.ip}`).join()
  })
  t.strictSame(seen, [
    'time-exceeded 192.168.1.1 198.51.100.9',
    'time-exceeded 203.0.113.50 198.51.100.9',
    'time-exceeded 192.0.0.8 198.51.100.9',
    'time-exceeded 192.0.0.8 198.51.100.9',
    '',
  ])
})

t.test('a TTL that ends at a NAT from outside is told as the address that was asked', async t => {
  const boxes = [{ name: 'carrier', nat: CARRIER, ip: '100.64.0.1' }]
  const simulation = new Simulation({ hosts: SERIES.hosts.slice(0, 2).concat(SERVER), boxes })
  const server = simulation.openSocket('server', { port: 9 })
  server.send('probe', { ip: '203.0.113.50', port: 1 }, { ttl: 2 })
  simulation.run(10)
  t.match(server.problems, [{ type: 'time-exceeded', by: '203.0.113.50' }])
})

t.test('a narrow link says its MTU to the sender, from each place and in each version', async t => {
  const narrow = { mtu: 1300 }
  for (const links of [
    { laptop: { up: narrow } },
    { home: { up: narrow } },
    { carrier: { up: narrow } },
    { server: { down: narrow } },
  ]) {
    for (const ip of ['198.51.100.9', '2001:db8:1:0:0:0:0:9']) {
      const simulation = new Simulation({ ...SERIES, links })
      const socket = simulation.openSocket('laptop', { port: 5000 })
      const server = simulation.openSocket('server', { port: 9 })
      const headers = ip.includes(':') ? 48 : 28
      socket.send(new Uint8Array(1301 - headers), { ip, port: 9 })
      simulation.run(10)
      const title = `${Object.keys(links)[0]} ${ip}`
      t.match(socket.problems, [{ type: 'too-long', mtu: 1300, to: { ip, port: 9 } }], title)
      // His own link is too narrow: that tells the box at its other end.
      if ('laptop' in links && !ip.includes(':')) t.equal(socket.problems[0]?.by, '192.168.1.1')
      t.equal(server.received.length, 0)
      socket.send(new Uint8Array(1300 - headers), { ip, port: 9 })
      simulation.run(10)
      t.equal(server.received.length, 1)
      t.equal(socket.problems.length, 1)
    }
  }
})

t.test('a narrow link inside a NAT tells the remote, who knows only the outside', async t => {
  for (const name of ['laptop', 'home', 'carrier']) {
    const simulation = new Simulation({ ...SERIES, links: { [name]: { down: { mtu: 1300 } } } })
    const server = simulation.openSocket('server', { port: 9 })
    simulation.openSocket('laptop', { port: 5000 }).send('hello', { ip: '198.51.100.9', port: 9 })
    simulation.run(10)
    const to = server.received[0]?.from
    if (!to) throw new Error('nothing came')
    server.send(new Uint8Array(1400), to)
    simulation.run(10)
    t.match(server.problems, [{ type: 'too-long', mtu: 1300, to }], name)
  }
})

t.test('a silent narrow link is a black hole', async t => {
  const links = { carrier: { up: { mtu: 1300, isMtuSilent: true } } }
  const simulation = new Simulation({ ...SERIES, links })
  const socket = simulation.openSocket('laptop')
  socket.send(new Uint8Array(1400), { ip: '198.51.100.9', port: 9 })
  simulation.run(10)
  t.strictSame(socket.problems, [])
  t.equal(simulation.stats().links['carrier']?.up.tooLong, 1)
})

t.test('a packet that may be cut arrives in pieces, through both boxes', async t => {
  const net = network({ ...SERIES, links: { carrier: { up: { mtu: 700 } } } })
  const from = { ip: '192.168.1.2', port: 5000 }
  const to = { ip: '198.51.100.9', port: 9 }
  const packet = udp(from, to, new Uint8Array(1400), { isUnfragmentable: false })
  net.send('laptop', packet.bytes, 0)
  let length = 0
  for (let one = net.poll(0); one; one = net.poll(0)) {
    const piece = parsed(one.packet)
    t.ok(piece.length <= 700)
    t.equal(formatKey(piece.source), '203.0.113.50')
    length += piece.length - 20
  }
  t.equal(length, 1408)
})

t.test('a port unreachable finds its way back through both boxes', async t => {
  const simulation = new Simulation(SERIES)
  const socket = simulation.openSocket('laptop')
  const to = { ip: '198.51.100.9', port: 9 }
  socket.send('anybody?', to)
  simulation.run(10)
  t.match(socket.problems, [{ type: 'unreachable', to, by: '198.51.100.9' }])
})

t.test('what passes is intact, also after two boxes', async t => {
  const net = network(SERIES)
  const packet = udp({ ip: '192.168.1.2', port: 5000 }, { ip: '198.51.100.9', port: 9 })
  net.send('laptop', packet.bytes, 0)
  const delivery = net.poll(0)
  t.equal(delivery?.host, 'server')
  t.ok(isIntact(parsed(delivery?.packet ?? new Uint8Array())))
})

t.test('links are changed while packets are under way', async t => {
  const simulation = new Simulation(SERIES)
  const socket = simulation.openSocket('laptop', { port: 5000 })
  const server = simulation.openSocket('server', { port: 9 })
  const send = (): void => socket.send('x', { ip: '198.51.100.9', port: 9 })
  simulation.setLink('carrier', { up: { delayMs: 50 } })
  send()
  simulation.run(10)
  simulation.setLink('carrier', { up: { isDown: true } })
  send()
  simulation.run(100)
  t.strictSame(server.received.map(({ at }) => at), [50])
  simulation.setLink('carrier', { up: {} })
  send()
  simulation.run(1)
  t.equal(server.received.length, 2)
})

t.test('a host moves to another box, and back', async t => {
  const simulation = new Simulation(SERIES)
  openObservers(simulation)
  const socket = simulation.openSocket('laptop', { port: 5000 })
  const where = (): string | undefined => ask(simulation, socket, FIRST)?.ip
  t.equal(where(), '203.0.113.50')
  simulation.moveHost('laptop', { ip: '203.0.113.77', behind: undefined })
  t.equal(where(), '203.0.113.77')
  simulation.moveHost('laptop', { ip: '192.168.1.9', behind: 'home' })
  t.equal(where(), '203.0.113.50')
  simulation.moveHost('laptop', { ip: '192.168.1.8' })
  t.equal(where(), '203.0.113.50', 'it stays behind its box')
})

t.test('a move to a taken address is refused and changes nothing', async t => {
  const simulation = new Simulation(SERIES)
  openObservers(simulation)
  t.throws(
    () => simulation.moveHost('laptop', { ip: '198.51.100.9', behind: undefined }),
    /"server" and "laptop" have the same address/,
  )
  const socket = simulation.openSocket('laptop')
  t.equal(ask(simulation, socket, FIRST)?.ip, '203.0.113.50')
})

t.test('a box gets another behaviour and another pool', async t => {
  const simulation = new Simulation(SERIES)
  openObservers(simulation)
  simulation.setNat('carrier', natOfClass('C1', ['203.0.113.60']))
  const socket = simulation.openSocket('laptop', { port: 5000 })
  t.strictSame(ask(simulation, socket, FIRST), { ip: '203.0.113.60', port: 5000 })
  t.throws(() => simulation.setNat('carrier', natOfClass('C1', ['198.51.100.9'])), /same address/)
  t.strictSame(ask(simulation, socket, FIRST), { ip: '203.0.113.60', port: 5000 })
})

t.test('what has no route, no form or no permission is counted and gone', async t => {
  const net = network(SERIES)
  const server = { ip: '198.51.100.9', port: 9 }
  net.send('server', udp(server, { ip: '8.8.8.8', port: 53 }).bytes, 0)
  net.send('server', udp(server, { ip: '203.0.113.50', port: 53 }).bytes, 0)
  net.send('server', udp(server, { ip: '192.168.1.2', port: 53 }).bytes, 0)
  net.send('server', new Uint8Array(40), 0)
  t.equal(net.poll(1000), undefined)
  t.equal(net.deadline(), Infinity)
  t.match(net.stats(0), { unrouted: 2, refused: 1, malformed: 1 })
})

t.test('a spec that cannot be is refused by name', async t => {
  const host = { name: 'a', ip: '10.0.0.1' }
  const cases: [NetworkSpec, string][] = [
    [{ hosts: [host, host] }, 'two nodes are named "a"'],
    [{ hosts: [host, { ...host, name: 'b' }] }, '"b" and "a" have the same address'],
    [{ hosts: [{ ...host, behind: 'x' }] }, 'no host and no box is named "x"'],
    [{ hosts: [host, { name: 'b', ip: '10.0.0.2', behind: 'a' }] }, '"b" is behind a host, "a"'],
    [{ hosts: [host], links: { x: {} } }, 'no host and no box is named "x"'],
    [{ hosts: [{ name: 'a', ip: '10.0.0' }] }, '"10.0.0" is not an IPv4 address'],
    [{ hosts: [], boxes: [{ name: 'x', behind: 'x' }] }, '"x" is behind itself'],
  ]
  for (const [spec, message] of cases) t.throws(() => network(spec), new RangeError(message))
  const cycle = [{ name: 'x', behind: 'y' }, { name: 'y', behind: 'x' }]
  t.throws(() => network({ hosts: [], boxes: cycle }), /"y" is behind itself/)
  t.throws(() => network(SERIES).send('nobody', new Uint8Array(), 0), /is named "nobody"/)
  t.throws(() => network(SERIES).send('home', new Uint8Array(), 0), /"home" is not a host/)
  t.throws(() => network(SERIES).resetNat('server'), /"server" is not a NAT/)
})

t.test('a cut parts two neighbours and nobody else, and each way is counted', async t => {
  const simulation = new Simulation({
    hosts: [
      { name: 'server', ip: '198.51.100.9' },
      { name: 'one', ip: '192.168.1.2', behind: 'home' },
      { name: 'two', ip: '203.0.113.2' },
    ],
    boxes: [{ name: 'home', nat: natOfClass('C1', ['203.0.113.1']) }],
  })
  const server = simulation.openSocket('server', { port: 9 })
  const one = simulation.openSocket('one', { port: 5000 })
  const two = simulation.openSocket('two', { port: 5000 })
  const exchange = (): void => {
    one.send('probe', { ip: '203.0.113.2', port: 5000 })
    one.send('probe', { ip: '198.51.100.9', port: 9 })
    two.send('probe', { ip: '203.0.113.1', port: 5000 })
    simulation.run(10)
  }
  simulation.setCut('home', 'two', true)
  exchange()
  t.strictSame([one.received.length, two.received.length, server.received.length], [0, 0, 1])
  simulation.setCut('two', 'home', false)
  exchange()
  t.strictSame([one.received.length, two.received.length, server.received.length], [1, 1, 2])
  const { ways } = simulation.stats()
  t.strictSame(ways['home>two'], { packets: 1, bytes: 33, cut: 1 })
  t.strictSame(ways['two>home'], { packets: 1, bytes: 33, cut: 1 })
  t.match(ways['home>server'], { packets: 2, cut: 0 })
  t.throws(() => simulation.setCut('one', 'two', true), /"one" and "two" are no neighbours/)
})

t.test('what a carrier hairpins between two homes is counted, and no cut touches it', async t => {
  const simulation = new Simulation({
    hosts: [
      { name: 'one', ip: '192.168.1.2', behind: 'carrier' },
      { name: 'two', ip: '192.168.1.3', behind: 'carrier' },
    ],
    boxes: [{ name: 'carrier', nat: natOfClass('C1', ['203.0.113.50'], { hairpin: true }) }],
  })
  simulation.setCut('one', 'two', true)
  const one = simulation.openSocket('one', { port: 6000 })
  const two = simulation.openSocket('two', { port: 7000 })
  two.send('opener', { ip: '198.51.100.1', port: 1 })
  one.send('to its address', { ip: '192.168.1.3', port: 7000 })
  one.send('to the mapping', { ip: '203.0.113.50', port: 7000 })
  simulation.run(10)
  t.match(two.received, [{ from: { ip: '203.0.113.50', port: 6000 } }])
  t.match(simulation.stats().ways['one>two'], { packets: 1, cut: 1 })
})
