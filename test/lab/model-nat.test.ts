// Each behaviour of RFC 4787, as a client sees it: a socket behind the box that asks observers
// which address they see, and who can answer.

import t from 'tap'
import { natOfClass } from '../../bench/lab/model/nat-classes.ts'
import type { Dependence, NatOptions } from '../../bench/lab/model/spec.ts'
import {
  FIRST,
  OBSERVER_HOSTS,
  OTHER_IP,
  OTHER_PORT,
  ask,
  openObservers,
} from '../sim/observers.ts'
import type { SimSocket } from '../sim/sim-socket.ts'
import { Simulation } from '../sim/simulation.ts'

const DEPENDENCES: readonly Dependence[] = [
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
]
const PUBLIC = '203.0.113.1'
const INSIDE = Array.from({ length: 4 }, (_, index) => ({
  name: `inside-${index + 1}`,
  ip: `192.168.1.${index + 10}`,
  behind: 'nat',
}))

function behind(nat: Partial<NatOptions>, seed = 1): Simulation {
  const simulation = new Simulation(
    {
      hosts: [...OBSERVER_HOSTS, ...INSIDE],
      boxes: [{ name: 'nat', nat: natOfClass('C3', [PUBLIC], nat) }],
    },
    { seed },
  )
  openObservers(simulation)
  return simulation
}

function mappingSeen(simulation: Simulation, socket: SimSocket): Dependence {
  const first = ask(simulation, socket, FIRST)
  const otherPort = ask(simulation, socket, OTHER_PORT)
  const otherIp = ask(simulation, socket, OTHER_IP)
  if (first?.port === otherIp?.port) return 'endpoint-independent'
  return first?.port === otherPort?.port ? 'address-dependent' : 'address-and-port-dependent'
}

function filteringSeen(simulation: Simulation, socket: SimSocket): Dependence {
  if (ask(simulation, socket, FIRST, 'other ip')) return 'endpoint-independent'
  const isPortOpen = ask(simulation, socket, FIRST, 'other port') !== undefined
  return isPortOpen ? 'address-dependent' : 'address-and-port-dependent'
}

for (const mapping of DEPENDENCES) {
  for (const filtering of DEPENDENCES) {
    t.test(`a client sees ${mapping} mapping and ${filtering} filtering`, async t => {
      const options = { mapping, filtering, ports: { type: 'random' } } as const
      const simulation = behind(options)
      t.equal(mappingSeen(simulation, simulation.openSocket('inside-1')), mapping)
      t.equal(filteringSeen(simulation, simulation.openSocket('inside-1')), filtering)
    })
  }
}

t.test('a preserving box keeps the port, and gives the next one where it is taken', async t => {
  const simulation = behind({ ports: { type: 'preserving' } })
  const seen = INSIDE.map(({ name }) => {
    return ask(simulation, simulation.openSocket(name, { port: 40_000 }), FIRST)
  })
  t.strictSame(seen.map(one => one?.port), [40_000, 40_001, 40_002, 40_003])
  t.strictSame(new Set(seen.map(one => one?.ip)), new Set([PUBLIC]))
})

t.test('a sequential box takes its step, for each mapping', async t => {
  for (const step of [1, 2, -3]) {
    const simulation = behind({
      mapping: 'address-and-port-dependent',
      ports: { type: 'sequential', step, foreignPerSecond: 0 },
    })
    const socket = simulation.openSocket('inside-1')
    const ports = [FIRST, OTHER_PORT, OTHER_IP].map(to => ask(simulation, socket, to)?.port ?? 0)
    const [one = 0, two = 0, three = 0] = ports
    t.strictSame([two - one, three - two], [step, step], `${ports}`)
  }
})

t.test('foreign traffic moves a sequential box on by its rate', async t => {
  const simulation = behind({ ports: { type: 'sequential', step: 1, foreignPerSecond: 20 } }, 7)
  const ask100 = Array.from({ length: 100 }, () => {
    const seen = ask(simulation, simulation.openSocket('inside-1'), FIRST)
    simulation.run(500)
    return seen?.port ?? 0
  })
  const steps = ask100.slice(1).map((port, index) => {
    return (port - (ask100[index] ?? 0) + 64_512) % 64_512
  })
  const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length
  t.ok(Math.abs(mean - 11) < 1.5, `${mean.toFixed(1)} ports in half a second, one of them ours`)
  t.ok(new Set(steps).size > 5, 'not always the same')
})

t.test('a random box uses the whole range', async t => {
  const simulation = behind({ ports: { type: 'random' } })
  const ports = Array.from({ length: 300 }, () => {
    return ask(simulation, simulation.openSocket('inside-1'), FIRST)?.port ?? 0
  })
  t.equal(new Set(ports).size, 300)
  t.ok(Math.min(...ports) >= 1024 && Math.min(...ports) < 3000)
  t.ok(Math.max(...ports) > 63_000)
})

t.test('a block belongs to one inside address, and ends', async t => {
  const simulation = behind({ ports: { type: 'random-in-block', size: 64 } })
  const blocks = INSIDE.map(({ name }) => {
    const ports = Array.from({ length: 64 }, () => {
      return ask(simulation, simulation.openSocket(name), FIRST)?.port ?? 0
    })
    t.equal(new Set(ports).size, 64)
    const block = new Set(ports.map(port => Math.floor((port - 1024) / 64)))
    t.equal(block.size, 1, `${name} has one block`)
    return [...block][0]
  })
  t.equal(new Set(blocks).size, INSIDE.length)
  t.equal(ask(simulation, simulation.openSocket('inside-1'), FIRST), undefined, 'it is full')
})

t.test('nobody shares a block while there are others', async t => {
  const simulation = behind({ ports: { type: 'random-in-block', size: 64_512 / 4 } })
  const blocks = INSIDE.map(({ name }) => {
    const seen = ask(simulation, simulation.openSocket(name), FIRST)
    return Math.floor(((seen?.port ?? 0) - 1024) / (64_512 / 4))
  })
  t.strictSame(blocks.sort(), [0, 1, 2, 3])
})

t.test('a step that comes round too early goes on beside it', async t => {
  const ports = { type: 'sequential', step: 32_256, foreignPerSecond: 0 } as const
  const simulation = behind({ ports })
  const seen = Array.from({ length: 6 }, () => {
    return ask(simulation, simulation.openSocket('inside-1'), FIRST)?.port
  })
  t.notOk(seen.includes(undefined))
  t.equal(new Set(seen).size, 6)
})

t.test('ports are shared where remotes differ, if the box does that', async t => {
  for (const sharesPorts of [true, false]) {
    const simulation = behind({
      mapping: 'address-and-port-dependent',
      ports: { type: 'random-in-block', size: 8 },
      sharesPorts,
    })
    const sockets = Array.from({ length: 8 }, () => simulation.openSocket('inside-1'))
    for (const socket of sockets) t.ok(ask(simulation, socket, FIRST))
    const seen = sockets.map(socket => ask(simulation, socket, OTHER_PORT)?.port)
    t.equal(seen.every(port => port !== undefined), sharesPorts)
    t.equal(simulation.mappings('nat').length, sharesPorts ? 16 : 8)
  }
})

t.test('a mapping lives its time after the last packet, from outside too', async t => {
  const ports = { type: 'random' } as const
  const simulation = behind({ lifeMs: 60_000, unansweredLifeMs: 60_000, ports })
  const socket = simulation.openSocket('inside-1')
  const first = ask(simulation, socket, FIRST)
  if (!first) throw new Error('no answer')
  simulation.run(59_900)
  t.strictSame(ask(simulation, socket, FIRST), first, 'refreshed')
  simulation.run(60_001)
  t.equal(simulation.mappings('nat').length, 0)
  t.notSame(ask(simulation, socket, FIRST), first, 'it is another one after that')
})

t.test('before an answer a mapping lives shorter', async t => {
  const simulation = behind({ lifeMs: 120_000, unansweredLifeMs: 30_000 })
  const socket = simulation.openSocket('inside-1')
  const life = (): number => {
    return (simulation.mappings('nat')[0]?.expiresAt ?? 0) - simulation.now()
  }
  socket.send('nobody answers', { ip: '198.51.100.1', port: 3478 })
  t.equal(life(), 0, 'it is made when the packet passes')
  simulation.run(1)
  t.equal(life(), 29_999)
  ask(simulation, socket, FIRST)
  t.equal(life(), 120_000)
})

t.test('a box that only packets from inside refresh forgets who just listens', async t => {
  for (const isRefreshedInbound of [true, false]) {
    const simulation = behind({ lifeMs: 10_000, unansweredLifeMs: 10_000, isRefreshedInbound })
    const server = simulation.openSocket('observer-1', { port: 9 })
    const socket = simulation.openSocket('inside-1', { port: 5000 })
    socket.send('hello', { ip: '198.51.100.1', port: 9 })
    for (let count = 0; count < 5; count++) {
      simulation.run(4000)
      server.send('news', { ip: PUBLIC, port: 5000 })
    }
    simulation.run(10)
    t.equal(socket.received.length, isRefreshedInbound ? 5 : 2)
  }
})

t.test('the admission of a remote ends, though the mapping lives on', async t => {
  const simulation = behind({ lifeMs: 10_000, unansweredLifeMs: 10_000 })
  const server = simulation.openSocket('observer-2', { port: 9 })
  const socket = simulation.openSocket('inside-1', { port: 5000 })
  socket.send('hello', { ip: '198.51.100.2', port: 9 })
  simulation.run(6000)
  ask(simulation, socket, FIRST)
  simulation.run(6000)
  socket.onMessage = undefined
  server.send('news', { ip: PUBLIC, port: 5000 })
  simulation.run(10)
  t.equal(simulation.mappings('nat').length, 1)
  t.equal(socket.received.length, 0)
})

t.test('a reset forgets all: the client has a new address, the old one leads nowhere', async t => {
  const simulation = behind({ ports: { type: 'random' }, filtering: 'endpoint-independent' })
  const socket = simulation.openSocket('inside-1')
  const before = ask(simulation, socket, FIRST)
  simulation.resetNat('nat')
  t.strictSame(simulation.mappings('nat'), [])
  const stranger = simulation.openSocket('observer-1')
  socket.onMessage = undefined
  if (before) stranger.send('hello', before)
  simulation.run(10)
  t.equal(socket.received.length, 0)
  t.notSame(ask(simulation, socket, FIRST), before)
})

t.test('hairpin: two hosts behind one box meet at its public address, or not', async t => {
  for (const hairpin of [true, false]) {
    const simulation = behind({ hairpin, filtering: 'endpoint-independent' })
    const one = simulation.openSocket('inside-1')
    const two = simulation.openSocket('inside-2')
    const seenOne = ask(simulation, one, FIRST)
    const seenTwo = ask(simulation, two, FIRST)
    if (!seenOne || !seenTwo) throw new Error('an observer did not answer')
    two.onMessage = undefined
    one.send('hello', seenTwo)
    simulation.run(10)
    t.strictSame(two.received.map(({ from }) => from), hairpin ? [seenOne] : [], `${hairpin}`)
  }
})

t.test('a hairpin box filters its own clients as others', async t => {
  const simulation = behind({ hairpin: true })
  const one = simulation.openSocket('inside-1')
  const two = simulation.openSocket('inside-2')
  const [seenOne, seenTwo] = [ask(simulation, one, FIRST), ask(simulation, two, FIRST)]
  if (!seenOne || !seenTwo) throw new Error('an observer did not answer')
  one.onMessage = two.onMessage = undefined
  one.send('first', seenTwo)
  simulation.run(10)
  t.equal(two.received.length, 0)
  two.send('second', seenOne)
  one.send('third', seenTwo)
  simulation.run(10)
  t.strictSame([one.received.length, two.received.length], [1, 1])
})

t.test('where UDP is blocked nothing of it passes, either way', async t => {
  const simulation = behind({ udpBlocked: true, exposedHost: '192.168.1.10' })
  const socket = simulation.openSocket('inside-1', { port: 5000 })
  t.equal(ask(simulation, socket, FIRST), undefined)
  socket.onMessage = undefined
  simulation.openSocket('observer-1').send('hello', { ip: PUBLIC, port: 5000 })
  simulation.run(10)
  t.equal(socket.received.length, 0)
})

t.test('a pool: paired clients keep their public address, others get any', async t => {
  const pool = ['203.0.113.1', '203.0.113.2', '203.0.113.3']
  const paired = behind({ pool })
  const addresses = INSIDE.map(({ name }) => {
    const seen = Array.from({ length: 8 }, () => {
      return ask(paired, paired.openSocket(name), FIRST)?.ip
    })
    t.equal(new Set(seen).size, 1, name)
    return seen[0]
  })
  t.strictSame(new Set(addresses), new Set(pool))
  const arbitrary = behind({ pool, pooling: 'arbitrary' })
  const seen = Array.from({ length: 30 }, () => {
    return ask(arbitrary, arbitrary.openSocket('inside-1'), FIRST)?.ip
  })
  t.strictSame(new Set(seen), new Set(pool))
})

t.test('the table is full at its bound, and has room again when mappings die', async t => {
  const simulation = behind({ maxMappings: 5, lifeMs: 10_000, unansweredLifeMs: 10_000 })
  const asked = (): boolean[] => Array.from({ length: 7 }, () => {
    return ask(simulation, simulation.openSocket('inside-1'), FIRST) !== undefined
  })
  t.strictSame(asked(), [true, true, true, true, true, false, false])
  simulation.run(10_000)
  t.equal(asked().filter(isAnswered => isAnswered).length, 5)
})

t.test('a client that comes back after his mapping died takes the room of one', async t => {
  const lives = { lifeMs: 100, unansweredLifeMs: 100 }
  const simulation = behind({ ...lives, maxMappings: 3, ports: { type: 'random' } })
  const socket = simulation.openSocket('inside-1')
  for (let count = 0; count < 4; count++) {
    t.ok(ask(simulation, socket, FIRST), `${simulation.now()} ms`)
    simulation.run(200)
  }
})

t.test('who is let in by a shared port meets the mapping that was made last', async t => {
  const simulation = behind({
    mapping: 'address-and-port-dependent',
    filtering: 'endpoint-independent',
    ports: { type: 'random-in-block', size: 1 },
    sharesPorts: true,
  })
  const sockets = [simulation.openSocket('inside-1'), simulation.openSocket('inside-1')]
  const [one, two] = sockets
  const seen = one && ask(simulation, one, FIRST)
  t.strictSame(two && ask(simulation, two, OTHER_PORT), seen)
  if (!one || !two || !seen) throw new Error('an observer did not answer')
  one.onMessage = two.onMessage = undefined
  simulation.openSocket('observer-2').send('hello', seen)
  simulation.run(10)
  t.strictSame([one.received.length, two.received.length], [0, 1])
})

t.test('an exposed host gets what nobody asked for, and answers from there', async t => {
  const simulation = behind({ exposedHost: '192.168.1.11' })
  const service = simulation.openSocket('inside-2', { port: 25_565 })
  const user = simulation.openSocket('observer-1')
  service.onMessage = ({ from }) => service.send('welcome', from)
  user.send('hello', { ip: PUBLIC, port: 25_565 })
  simulation.run(10)
  t.strictSame(user.received.map(({ from }) => from), [{ ip: PUBLIC, port: 25_565 }])
})

t.test('options that contradict themselves are refused', async t => {
  t.throws(() => behind({ pool: [] }), /a NAT needs a public address/)
  t.throws(() => behind({ sharesPorts: true }), /ports are shared by mappings that depend/)
})
