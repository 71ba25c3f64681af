// What a box does about packets that nobody asked for.

import t from 'tap'
import { natOfClass } from '../../bench/lab/model/nat-classes.ts'
import type { NatOptions } from '../../bench/lab/model/spec.ts'
import type { SimSocket } from '../sim/sim-socket.ts'
import { Simulation } from '../sim/simulation.ts'

const PUBLIC = '203.0.113.1'
const REMOTE = { ip: '198.51.100.9', port: 5000 }

interface Scene {
  readonly simulation: Simulation
  readonly inside: SimSocket
  readonly remote: SimSocket
}

function scene(options: Partial<NatOptions>): Scene {
  const simulation = new Simulation({
    hosts: [
      { name: 'inside', ip: '192.168.1.2', behind: 'nat' },
      { name: 'remote', ip: REMOTE.ip },
    ],
    boxes: [{ name: 'nat', nat: natOfClass('C3', [PUBLIC], options) }],
  })
  const inside = simulation.openSocket('inside', { port: 40_000 })
  const remote = simulation.openSocket('remote', { port: REMOTE.port })
  return { simulation, inside, remote }
}

t.test('a refused packet that is remembered gives the answer to it another port', async t => {
  for (const remembersRefused of [true, false]) {
    const { simulation, inside, remote } = scene({ remembersRefused })
    remote.send('too early', { ip: PUBLIC, port: 40_000 })
    simulation.run(1)
    inside.send('hello', REMOTE)
    simulation.run(1)
    t.equal(remote.received[0]?.from.port, remembersRefused ? 40_001 : 40_000)
    t.strictSame(inside.received, [])
  }
})

t.test('whoever calls first is not disturbed by what comes after', async t => {
  const { simulation, inside, remote } = scene({ remembersRefused: true })
  inside.send('hello', REMOTE)
  simulation.run(1)
  remote.send('hello', { ip: PUBLIC, port: 40_000 })
  simulation.run(1)
  inside.send('again', REMOTE)
  simulation.run(1)
  t.strictSame(remote.received.map(({ from }) => from.port), [40_000, 40_000])
  t.equal(inside.received.length, 1)
})

t.test('other remotes see the usual port, and the refused one again after a while', async t => {
  const { simulation, inside, remote } = scene({ remembersRefused: true, unansweredLifeMs: 5000 })
  const other = simulation.openSocket('remote', { port: 5001 })
  remote.send('too early', { ip: PUBLIC, port: 40_000 })
  simulation.run(1)
  inside.send('hello', { ...REMOTE, port: 5001 })
  simulation.run(1)
  t.equal(other.received[0]?.from.port, 40_000)
  simulation.run(5001)
  inside.send('hello', REMOTE)
  simulation.run(1)
  t.equal(remote.received[0]?.from.port, 40_000)
})

t.test('a flood from one address blocks it for a time, also where it was welcome', async t => {
  const floodGuard = { packetsPerSecond: 20, blockMs: 10_000 }
  const { simulation, inside, remote } = scene({ floodGuard })
  inside.send('hello', REMOTE)
  simulation.run(1)
  const flooder = simulation.openSocket('remote')
  const send = (count: number): void => {
    for (let port = 0; port < count; port++) {
      flooder.send('?', { ip: PUBLIC, port: 20_000 + port })
    }
    simulation.run(1)
    remote.send('answer', { ip: PUBLIC, port: 40_000 })
    simulation.run(1)
  }
  send(20)
  t.equal(inside.received.length, 1)
  send(1)
  t.equal(inside.received.length, 1, 'the 21st within a second was too much')
  simulation.run(10_000)
  inside.send('hello', REMOTE)
  send(20)
  t.equal(inside.received.length, 2)
})
