// The places of the nat bench in the model: each can be reached from each other, and the machines
// are where the table says.

import t from 'tap'
import { isHopeless, neighboursOf, networkSpec, PAIRS, stepTo } from '../../bench/nat/places.ts'
import type { Place } from '../../bench/nat/places.ts'
import { Simulation } from '../sim/simulation.ts'

function stand(simulation: Simulation, place: Place): void {
  const { nats, hosts } = stepTo(place, {})
  for (const { box, options } of nats) simulation.setNat(box, options)
  for (const { name, ...to } of hosts) simulation.moveHost(name, to)
}

/** The address and port by which the server sees a machine, and its round trip. */
function seen(simulation: Simulation, host: string): { ip: string; tookMs: number } | undefined {
  const server = simulation.openSocket('server')
  const socket = simulation.openSocket(host)
  const startedAt = simulation.now()
  let sawIp: string | undefined
  let tookMs = 0
  server.onMessage = message => {
    sawIp = message.from.ip
    server.send('answer', message.from)
  }
  socket.onMessage = () => (tookMs = simulation.now() - startedAt)
  socket.send('ask', { ip: '198.51.100.10', port: server.port })
  simulation.run(100)
  server.close()
  socket.close()
  return sawIp === undefined ? undefined : { ip: sawIp, tookMs }
}

t.test('every pair is 30 ms from the server, behind the address of its kind', async t => {
  const simulation = new Simulation(networkSpec())
  for (const { visitor, owner } of PAIRS) {
    stand(simulation, { type: 'apart', visitor, owner })
    const [one, other] = [seen(simulation, 'visitor'), seen(simulation, 'owner')]
    const last = { 'public': '2', 'carrier': '50' } as const
    const ends = (kind: string): string => (kind in last ? last[kind as keyof typeof last] : '10')
    t.strictSame(one, { ip: `203.0.113.${ends(visitor)}`, tookMs: 30 }, `${visitor}, ${owner}`)
    t.strictSame(other, { ip: `192.0.2.${ends(owner)}`, tookMs: 30 }, `${visitor}, ${owner}`)
  }
})

t.test('on one LAN the machines are neighbours, and at one carrier their homes', async t => {
  const simulation = new Simulation(networkSpec())
  stand(simulation, { type: 'one NAT', hairpin: true, isIsolated: false })
  t.equal(seen(simulation, 'visitor')?.ip, seen(simulation, 'owner')?.ip)
  const lan = { type: 'one NAT', hairpin: true, isIsolated: true } as const
  simulation.setCut(...neighboursOf(lan), true)
  const owner = simulation.openSocket('owner', { port: 5000 })
  simulation.openSocket('visitor').send('hello', { ip: '192.168.1.20', port: 5000 })
  simulation.run(10)
  t.strictSame(owner.received, [], 'which a cut parts')
  t.equal(stepTo(lan, {}).isCut, true)
  stand(simulation, { type: 'one carrier' })
  t.equal(seen(simulation, 'visitor')?.ip, '203.0.113.50')
  t.equal(seen(simulation, 'owner')?.ip, '203.0.113.50')
})

t.test('three of 49 pairs have no way', async t => {
  t.equal(PAIRS.length, 49)
  t.strictSame(
    PAIRS.filter(isHopeless).map(({ visitor, owner }) => `${visitor}/${owner}`),
    ['random/sequential', 'sequential/random', 'random/random'],
  )
})

t.test('conditions change the lines and the outermost NAT', async t => {
  const place = { type: 'apart', visitor: 'carrier', owner: 'sequential' } as const
  const { nats } = stepTo(place, { visitor: { udpBlocked: true }, owner: { lifeMs: 7 } })
  t.match(nats, [
    { box: 'carrier-v', options: { udpBlocked: true } },
    { box: 'inner-v', options: { udpBlocked: false } },
    { box: 'home-o', options: { lifeMs: 7, ports: { foreignPerSecond: 0 } } },
  ])
})

t.test('with IPv6 both have an address of it behind the same boxes', async t => {
  const place = { type: 'apart', visitor: 'random', owner: 'carrier', hasIp6: true } as const
  const { hosts, nats } = stepTo(place, {})
  t.match(hosts, [
    { name: 'visitor', ip6: '2a00:db8:1::10', behind: 'home-v' },
    { name: 'owner', ip6: '2a00:db8:2::10', behind: 'inner-o' },
  ])
  t.strictSame(nats, stepTo({ ...place, hasIp6: false }, {}).nats)
})
