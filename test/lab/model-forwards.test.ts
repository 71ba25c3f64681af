// A box that forwards ports on request: what its answers say, and who comes in then.

import t from 'tap'
import { natOfClass } from '../../bench/lab/model/nat-classes.ts'
import { NatPmpCodec } from '../../nat/portmap/nat-pmp.ts'
import type { GatewayAnswer } from '../../nat/portmap/gateway-codec.ts'
import { FIRST, OBSERVER_HOSTS, ask, openObservers } from '../sim/observers.ts'
import type { SimSocket } from '../sim/sim-socket.ts'
import { Simulation } from '../sim/simulation.ts'

const PUBLIC = '203.0.113.1'
const GATEWAY = { ip: '192.168.1.1', port: 5351 }
const codec = new NatPmpCodec()

function behind(gateway?: string): Simulation {
  const simulation = new Simulation(
    {
      hosts: [...OBSERVER_HOSTS, { name: 'inside', ip: '192.168.1.10', behind: 'nat' }],
      boxes: [{ name: 'nat', nat: natOfClass('S3', [PUBLIC], { ...(gateway && { gateway }) }) }],
    },
    { seed: 3 },
  )
  openObservers(simulation)
  return simulation
}

function tell(simulation: Simulation, request: Buffer): GatewayAnswer | undefined {
  const socket = simulation.openSocket('inside')
  let answer: GatewayAnswer | undefined
  socket.onMessage = ({ payload }) => (answer = codec.decode(Buffer.from(payload)))
  socket.send(request, GATEWAY)
  simulation.run(100)
  return answer
}

function map(simulation: Simulation, port: number, leaseSeconds: number): GatewayAnswer | undefined {
  const request = codec.map({ internalPort: port, externalPort: port, leaseSeconds })
  return tell(simulation, request)
}

function reached(simulation: Simulation, socket: SimSocket): number {
  socket.onMessage = undefined
  const before = socket.received.length
  simulation.openSocket('observer-1').send('hello', { ip: PUBLIC, port: 5000 })
  simulation.run(100)
  return socket.received.length - before
}

t.test('it tells its public address; a box without it says nothing', async t => {
  t.match(tell(behind('192.168.1.1'), codec.probe()), { type: 'alive', externalIp: PUBLIC })
  t.equal(tell(behind(), codec.probe()), undefined)
})

t.test('a forwarded port lets everybody in, and is the port that others see', async t => {
  const simulation = behind('192.168.1.1')
  const socket = simulation.openSocket('inside', { port: 5000 })
  t.not(ask(simulation, socket, FIRST)?.port, 5000, 'a port at random')
  t.equal(reached(simulation, socket), 0)
  t.match(map(simulation, 5000, 60), { type: 'mapped', internalPort: 5000, externalPort: 5000 })
  t.equal(reached(simulation, socket), 1)
  t.strictSame(ask(simulation, socket, FIRST), { ip: PUBLIC, port: 5000 })
})

t.test('the port is given back at the end of the lease, or on request', async t => {
  const simulation = behind('192.168.1.1')
  const socket = simulation.openSocket('inside', { port: 5000 })
  map(simulation, 5000, 60)
  simulation.run(61_000)
  t.equal(reached(simulation, socket), 0)
  map(simulation, 5000, 60)
  t.match(map(simulation, 5000, 0), { type: 'mapped', leaseSeconds: 0 })
  t.equal(reached(simulation, socket), 0)
})

t.test('other protocols are refused as RFC 6886 says', async t => {
  const pcp = Buffer.alloc(60)
  pcp[0] = 2
  const simulation = behind('192.168.1.1')
  const socket = simulation.openSocket('inside')
  socket.send(pcp, GATEWAY)
  socket.send(Buffer.alloc(1), GATEWAY)
  simulation.run(100)
  const seen = socket.received.map(({ payload }) => Buffer.from(payload))
  t.equal(seen.length, 1)
  t.equal(seen[0]?.readUInt8(0), 0)
  t.equal(seen[0]?.readUInt16BE(2), 1, 'unsupported version')
})
