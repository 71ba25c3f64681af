import t from 'tap'
import { prognosis } from '../../nat/prognosis.ts'
import type { Dependence, NatProfile, PortAllocation } from '../../nat/types.ts'

const ADDRESS = '198.51.100.7'
const COUNTING: PortAllocation = { type: 'sequential', step: 1, last: 1, at: 0, ratePerSecond: 0 }

function network(choice: Partial<NatProfile>): NatProfile {
  return {
    udp: true,
    mapping: undefined,
    filtering: undefined,
    ports: undefined,
    externalIps: [ADDRESS],
    hairpin: undefined,
    carrier: undefined,
    ipv6: false,
    ...choice,
  }
}

function cone(filtering: Dependence | undefined): NatProfile {
  return network({ mapping: 'endpoint-independent', filtering })
}

function symmetric(ports: PortAllocation): NatProfile {
  const filtering = 'address-and-port-dependent'
  return network({ mapping: 'address-and-port-dependent', filtering, ports })
}

/** open home counting random udp-blocked */
function told(profile: NatProfile, mappedIp?: string): string {
  const { own, peers } = prognosis(profile, mappedIp)
  return `${own}: ${Object.values(peers).join(' ')}`
}

t.test('what a network can reach is what punching would try', async t => {
  t.equal(told(cone('endpoint-independent')), 'open: direct direct direct direct relay')
  t.equal(told(cone('address-dependent')), 'home: direct direct direct direct relay')
  t.equal(
    told(cone('address-and-port-dependent')),
    'home: direct direct guessed guessed relay',
  )
  t.equal(told(symmetric(COUNTING)), 'counting: direct guessed guessed relay relay')
  t.equal(told(symmetric({ type: 'random' })), 'random: direct guessed relay relay relay')
})

t.test('a public address is open unless its firewall was seen', async t => {
  t.equal(told(network({ mapping: 'none' })), 'open: direct direct direct direct relay')
  const closed = network({ mapping: 'none', filtering: 'address-and-port-dependent' })
  t.equal(told(closed), 'home: direct direct guessed guessed relay')
})

t.test('without UDP there is the relay, and who has not answered is not judged', async t => {
  t.equal(told(network({ udp: false })), 'udp-blocked: relay relay relay relay relay')
  t.equal(prognosis(network({}), undefined).own, undefined)
})

t.test('a mapping on the last router opens everything; one before another NAT nothing', async t => {
  const hard = symmetric({ type: 'random' })
  t.equal(told(hard, ADDRESS), 'open: direct direct direct direct relay')
  for (const inner of ['192.168.0.7', '100.64.1.2', '203.0.113.9']) {
    t.match(told(hard, inner), /^random: /, inner)
  }
})
