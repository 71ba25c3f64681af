import t from 'tap'
import { natOfClass, type NatClass } from '../../bench/lab/model/nat-classes.ts'
import type { Dependence } from '../../nat/index.ts'
import {
  discover,
  FOREIGN,
  natOf,
  openScene,
  SERVER,
  SERVER_IP6,
  SERVER_OTHER,
  SERVER_SECOND_PORT,
} from './discovery-run.ts'

const EIM = 'endpoint-independent'
const ADM = 'address-dependent'
const EDM = 'address-and-port-dependent'

/** What each class of the traversal tables must be called. */
const VERDICTS: Readonly<Record<NatClass, readonly [Dependence, Dependence, string]>> = {
  C1: [EIM, EIM, 'preserving'],
  C2: [EIM, ADM, 'preserving'],
  C3: [EIM, EDM, 'preserving'],
  S1: [EDM, EDM, 'sequential'],
  S2: [EDM, EDM, 'random-in-block'],
  S3: [EDM, EDM, 'random'],
}
const CLASSES = ['C1', 'C2', 'C3', 'S1', 'S2', 'S3'] as const
/** Of each class and loss; 100 of each were right when this was written. */
const SEEDS = 4

for (const name of CLASSES) {
  for (const loss of [0, 0.02, 0.1]) {
    t.test(`${name} is recognised at ${loss * 100} % loss`, async t => {
      const [mapping, filtering, type] = VERDICTS[name]
      for (let seed = 1; seed <= SEEDS; seed++) {
        const link = { delayMs: 15, loss }
        const { discovery } = discover(openScene({ nat: natOf(name), link, seed }))
        const { profile } = discovery
        const verdict = [profile.mapping, profile.filtering, profile.ports?.type]
        t.strictSame(verdict, [mapping, filtering, type], `seed ${seed}`)
        t.strictSame(profile.externalIps, ['203.0.113.1'])
      }
    })
  }
}

t.test('the reflexive candidate is known after one round trip', async t => {
  for (const name of CLASSES) {
    t.equal(discover(openScene({ nat: natOf(name) })).candidateAfterMs, 30, name)
  }
})

t.test('all of it takes 0.6 s at most, and 30 datagrams', async t => {
  for (const name of CLASSES) {
    const { discovery, sent } = discover(openScene({ nat: natOf(name) }))
    t.ok(discovery.tookMs < 600, `${name}: ${discovery.tookMs} ms`)
    t.ok(sent <= 30, `${name}: ${sent} datagrams`)
    t.equal(discovery.rttMs, 30)
  }
})

t.test('without a NAT it takes one round trip, and the host is the only candidate', async t => {
  const { discovery } = discover(openScene())
  t.match(discovery.profile, { udp: true, mapping: 'none', filtering: EIM, carrier: false })
  t.equal(discovery.tookMs, 30)
  t.strictSame(discovery.candidates.map(({ type, address }) => [type, address.ip]), [
    ['host', '203.0.113.10'],
  ])
})

t.test('a NAT that leads its own public address back inside is noticed', async t => {
  for (const name of ['C1', 'C2', 'C3'] as const) {
    const nat = natOf(name, { hairpin: true })
    t.equal(discover(openScene({ nat })).discovery.profile.hairpin, true, name)
    t.equal(discover(openScene({ nat: natOf(name) })).discovery.profile.hairpin, false, name)
  }
})

t.test('the next port of a sequential NAT is near the last one seen, with its pace', async t => {
  const rates: number[] = []
  for (let seed = 1; seed <= 12; seed++) {
    const { ports } = discover(openScene({ nat: natOf('S1'), seed })).discovery.profile
    if (ports?.type !== 'sequential') throw new Error(`seed ${seed}: ${ports?.type}`)
    t.equal(ports.step, 1)
    rates.push(ports.ratePerSecond)
  }
  const mean = rates.reduce((sum, rate) => sum + rate) / rates.length
  t.ok(mean > 12 && mean < 28, `others take 20 ports a second; measured ${mean}`)
})

t.test('steps of two, downwards too, are found', async t => {
  for (const step of [2, -1, -3]) {
    const ports = { type: 'sequential', step, foreignPerSecond: 0 } as const
    const { profile } = discover(openScene({ nat: natOf('S1', { ports }) })).discovery
    t.match(profile.ports, { type: 'sequential', step })
  }
})

t.test('the block of a carrier covers its ports, and not much more', async t => {
  for (let seed = 1; seed <= 6; seed++) {
    const scene = openScene({ nat: natOf('S2'), seed })
    const { ports } = discover(scene).discovery.profile
    if (ports?.type !== 'random-in-block') throw new Error(`seed ${seed}: ${ports?.type}`)
    const block = [...scene.simulation.mappings('home')].map(({ outside }) => outside.port)
    const { first, size } = ports
    t.ok(block.every(port => port >= first && port < first + size), `seed ${seed}`)
    t.ok(size <= 2048, `seed ${seed}: ${size}`)
  }
})

t.test('mapping by address only is told from by port only where two addresses answer', async t => {
  const nat = natOf('C3', { mapping: ADM, ports: { type: 'random' } })
  t.match(discover(openScene({ nat })).discovery, {
    profile: { mapping: ADM },
    confidence: { mapping: 'high' },
  })
  t.match(discover(openScene({ nat, hasOneIp: true })).discovery, {
    profile: { mapping: EIM },
    confidence: { mapping: 'low' },
  })
})

t.test('a foreign server beside frps is a second address', async t => {
  const nat = natOf('C3', { mapping: ADM, ports: { type: 'random' } })
  const servers = [
    { address: SERVER, otherPort: SERVER_SECOND_PORT, hasFilterTest: true },
    { address: FOREIGN },
  ]
  const { discovery } = discover(openScene({ nat, hasOneIp: true }), { servers })
  t.match(discovery, { profile: { mapping: ADM }, confidence: { mapping: 'high' } })
})

t.test('with one address of frps, full cone is taken for restricted, and says so', async t => {
  const scene = openScene({ nat: natOf('C1'), hasOneIp: true })
  const { profile, confidence } = discover(scene).discovery
  t.equal(profile.filtering, ADM)
  t.equal(confidence.filtering, 'low')
  const hard = discover(openScene({ nat: natOf('C3'), hasOneIp: true })).discovery
  t.equal(hard.profile.filtering, EDM)
  t.equal(hard.confidence.filtering, 'high')
})

t.test('without the control channel the filter is not known, and all the rest is', async t => {
  const { profile } = discover(openScene({ nat: natOf('C3') }), { isFilterTestRefused: true })
    .discovery
  t.match(profile, { mapping: EIM, ports: { type: 'preserving' } })
  t.equal(profile.filtering, undefined)
})

t.test('a server that has no second address tells the address and no mapping', async t => {
  const { discovery } = discover(openScene({ nat: natOf('C3') }), {
    servers: [{ address: FOREIGN }],
  })
  t.match(discovery.profile, { udp: true, externalIps: ['203.0.113.1'] })
  t.equal(discovery.profile.mapping, undefined)
  t.equal(discovery.servers[0]?.other, undefined)
  t.ok(discovery.candidates.some(({ type }) => type === 'srflx'))
})

t.test('two foreign servers tell the mapping', async t => {
  for (const [name, mapping] of [['C3', EIM], ['S3', EDM]] as const) {
    const servers = [{ address: FOREIGN }, { address: SERVER_OTHER }]
    const { discovery } = discover(openScene({ nat: natOf(name) }), { servers })
    t.equal(discovery.profile.mapping, mapping)
  }
})

t.test('OTHER-ADDRESS is followed, as frp does it', async t => {
  for (const [name, mapping] of [['C3', EIM], ['S3', EDM]] as const) {
    const { discovery } = discover(openScene({ nat: natOf(name) }), {
      servers: [{ address: SERVER }],
    })
    t.equal(discovery.profile.mapping, mapping)
    const [report] = discovery.servers
    t.strictSame(report?.other, { ip: SERVER.ip, port: SERVER_SECOND_PORT })
    t.equal(report?.mapped?.port === report?.mappedAtOther?.port, mapping === EIM)
  }
})

t.test('a dead server delays nothing that another one can tell', async t => {
  const dead = { address: { ip: SERVER.ip, port: 9 } }
  const answering = { address: SERVER, otherPort: SERVER_SECOND_PORT }
  for (const servers of [[dead, answering], [answering, dead]]) {
    const { discovery } = discover(openScene({ nat: natOf('S1') }), { servers })
    t.match(discovery.profile, { mapping: EDM, ports: { type: 'sequential' } })
    t.ok(discovery.tookMs < 1_100, `${discovery.tookMs} ms`)
  }
})

t.test('where UDP is blocked that is the result, after 2.3 s', async t => {
  const { discovery } = discover(openScene({ nat: natOf('C3', { udpBlocked: true }) }))
  t.equal(discovery.profile.udp, false)
  t.equal(discovery.profile.mapping, undefined)
  t.equal(discovery.tookMs, 2_300)
  t.strictSame(discovery.servers.map(({ problem }) => problem), ['no answer', 'no answer'])
  t.strictSame(discovery.candidates.map(({ type }) => type), ['host'])
})

t.test('without any server it ends at once', async t => {
  const { discovery, sent } = discover(openScene({ nat: natOf('C3') }), { servers: [] })
  t.equal(sent, 0)
  t.equal(discovery.tookMs, 0)
})

t.test('IPv6 is asked for beside IPv4', async t => {
  const scene = openScene({ nat: natOf('C3'), ip6: '2001:db8:7::10' })
  const { discovery } = discover(scene, {
    servers: [
      { address: SERVER, otherPort: SERVER_SECOND_PORT, hasFilterTest: true },
      { address: { ip: SERVER_IP6, port: SERVER.port } },
    ],
  })
  t.equal(discovery.profile.ipv6, true)
  t.equal(discovery.profile.mapping, EIM, 'and the verdict is that of IPv4')
  const ip6 = discovery.candidates.filter(({ address }) => address.ip.includes(':'))
  t.strictSame(ip6.map(({ address }) => address.ip), ['2001:db8:7::10'])
})

t.test('a server without an answer over IPv6 means that there is none', async t => {
  const { discovery } = discover(openScene({ nat: natOf('C3') }), {
    servers: [
      { address: SERVER, otherPort: SERVER_SECOND_PORT, hasFilterTest: true },
      { address: { ip: SERVER_IP6, port: SERVER.port } },
    ],
  })
  t.equal(discovery.profile.ipv6, false)
  t.ok(discovery.tookMs < 600, `${discovery.tookMs} ms`)
})

t.test('several addresses of a pool are all told', async t => {
  const pool = ['203.0.113.1', '203.0.113.2', '203.0.113.3']
  const nat = natOfClass('S3', pool, { pooling: 'arbitrary' })
  const { profile } = discover(openScene({ nat })).discovery
  t.strictSame([...profile.externalIps].sort(), pool)
  t.equal(profile.mapping, EDM)
})

t.test('behind a home and a carrier the harder of two NATs is seen', async t => {
  const carrier = natOfClass('S3', ['203.0.113.7'])
  const nat = natOfClass('C3', ['100.64.0.9'])
  const { profile } = discover(openScene({ nat, carrier }), { gatewayIp: '100.64.0.9' }).discovery
  t.match(profile, { mapping: EDM, carrier: true, ports: { type: 'random' } })
})

t.test('the mapping alone takes one round trip and no other socket', async t => {
  const { discovery, sent } = discover(openScene({ nat: natOf('S3') }), { tests: 'mapping' })
  t.equal(sent, 3)
  t.equal(discovery.tookMs, 30)
  t.equal(discovery.profile.mapping, EDM)
})

t.test('hidden hosts are no candidates', async t => {
  const { discovery } = discover(openScene({ nat: natOf('C3') }), { hidesHosts: true })
  t.strictSame(discovery.candidates.map(({ type }) => type), ['srflx'])
})
