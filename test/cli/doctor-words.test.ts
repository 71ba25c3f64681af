// The doctor's sentences, from examinations made by hand.

import t from 'tap'
import { adviceLines, kindLine, peerRows, serverRows } from '../../cli/doctor-words.ts'
import { networkRows } from '../../cli/network-words.ts'
import type { Examination, NetworkReport, ServerTrial } from '../../lib/index.ts'

type Profile = NetworkReport['discovery']['profile']
type Mapping = NonNullable<NetworkReport['portMapping']>

const EXTERNAL = '198.51.100.7'
const NO_MAPPING: Mapping = { gateway: '192.168.1.1', mapping: undefined, protocols: [] }

const HOME: Profile = {
  udp: true,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  ports: { type: 'preserving' },
  externalIps: [EXTERNAL],
  hairpin: false,
  carrier: undefined,
  ipv6: false,
}

interface Choice {
  readonly profile?: Partial<Profile>
  readonly own?: NetworkReport['prognosis']['own']
  readonly isEasy?: boolean
  readonly portMapping?: Mapping | undefined
  readonly server?: readonly Partial<ServerTrial>[]
}

function examination(choice: Choice): Examination {
  const { isEasy = false, server = [{}, { protocol: 'tcp' as const }] } = choice
  const own = 'own' in choice ? choice.own : 'home'
  const hard = isEasy ? 'direct' : 'guessed'
  return {
    frp: undefined,
    server: server.map(trial => ({
      protocol: 'quic',
      isLoggedIn: true,
      tookMs: 90.4,
      rttMs: 30.2,
      serverVersion: '0.1.0',
      isOurs: true,
      error: '',
      code: undefined,
      ...trial,
    })),
    network: {
      localAddress: { ip: '192.168.1.7', port: 5000 },
      localIps: ['192.168.1.7'],
      discovery: {
        profile: { ...HOME, ...choice.profile },
        confidence: { mapping: 'high', filtering: 'high', ports: 'high' },
        candidates: [{ type: 'srflx', address: { ip: EXTERNAL, port: 5000 } }],
        servers: [],
        samples: [],
        rttMs: 30,
        tookMs: 100,
      },
      portMapping: 'portMapping' in choice ? choice.portMapping : NO_MAPPING,
      prognosis: {
        own,
        peers: {
          open: 'direct',
          home: 'direct',
          counting: hard,
          random: hard,
          'udp-blocked': 'relay',
        },
      },
    },
  }
}

function advice(choice: Choice): string {
  return adviceLines(examination(choice)).join('\n')
}

function row(choice: Choice, name: string): string | undefined {
  return networkRows(examination(choice).network).find(([key]) => key === name)?.[1]
}

t.test('a login is told with its time, version and failure', async t => {
  const trials = [{}, { protocol: 'tcp' as const, isLoggedIn: false, error: 'refused' }]
  t.strictSame(serverRows(examination({ server: trials })), [
    ['QUIC', 'logged in within 90 ms, round trip 30 ms, quicfrp 0.1.0'],
    ['TCP', 'failed: refused'],
  ])
})

t.test('what was found out stands in rows, what was not is not guessed', async t => {
  t.equal(row({}, 'Address'), `192.168.1.7:5000; from outside ${EXTERNAL}:5000`)
  t.equal(row({}, 'Mapping'), 'one port for all targets')
  t.equal(row({}, 'Filter'), 'lets in only whom this port has called')
  t.match(row({ profile: { mapping: undefined } }, 'Mapping'), /^not known/)
  t.match(row({ profile: { filtering: undefined } }, 'Filter'), /^not known/)
  t.equal(row({ profile: { hairpin: undefined } }, 'Hairpin'), undefined)
  t.equal(row({ portMapping: undefined }, 'Router'), undefined)
  t.equal(row({ profile: { mapping: 'none' } }, 'Address'), '192.168.1.7:5000, for the server too')
})

t.test('a router tells how it maps, or why not', async t => {
  const external = { ip: EXTERNAL, port: 5000 }
  const mapping = { protocol: 'upnp', internalPort: 5000, external } as const
  const mapped = row({ portMapping: { ...NO_MAPPING, mapping } }, 'Router')
  t.equal(mapped, `192.168.1.1 maps ports by UPnP, outside it is ${EXTERNAL}`)
  t.match(row({}, 'Router'), /maps no ports: no answer/)
  const refused = { protocol: 'pcp', phase: 'refused', externalIp: undefined } as const
  const protocols = [{ ...refused, reason: 'switched off' }]
  t.match(row({ portMapping: { ...NO_MAPPING, protocols } }, 'Router'), /: switched off$/)
})

t.test('each kind of peer has a line', async t => {
  const rows = peerRows(examination({}))
  t.equal(rows.length, 6)
  t.match(rows[2], /usual home router +direct, at once/)
  t.match(rows[4], /random ports .* +direct within seconds/)
  t.match(rows[5], /UDP is blocked +over frps/)
})

t.test('where all is well there is nothing to do', async t => {
  t.equal(advice({ own: 'open', isEasy: true }), '')
})

t.test('a home router is to map ports, unless that was forbidden here', async t => {
  t.match(advice({}), /Switch on UPnP, NAT-PMP or PCP in the router \(http:\/\/192\.168\.1\.1\)/)
  t.match(advice({ portMapping: undefined }), /natPortMapping = false/)
  t.match(advice({ profile: { ipv6: false } }), /Switch on IPv6/)
  t.notMatch(advice({ profile: { ipv6: true } }), /IPv6/)
})

t.test('a NAT behind the router is named: carrier, second router, or unknown', async t => {
  const behind = (externalIp: string): string => {
    const lease = { protocol: 'upnp', phase: 'available', reason: undefined } as const
    const portMapping = { ...NO_MAPPING, protocols: [{ ...lease, externalIp }] }
    return advice({ profile: { carrier: true }, portMapping })
  }
  t.match(behind('100.64.3.4'), /carrier NAT: the router has 100\.64\.3\.4/)
  t.match(behind('192.168.0.7'), /two routers in a row/)
  t.match(behind('203.0.113.9'), /internet sees 198\.51\.100\.7, the router has 203\.0\.113\.9/)
})

t.test('UDP: blocked here, blocked at the server, and a real frps are three things', async t => {
  const quic = { isLoggedIn: false, error: 'no answer', code: 'TIMED_OUT' } as const
  const ours = [quic, { protocol: 'tcp' as const }]
  t.match(advice({ server: ours, profile: { udp: false } }), /UDP seems to be blocked/)
  t.match(advice({ server: ours }), /UDP works, but not to frps: open UDP for its port/)
  const real = [quic, { protocol: 'tcp' as const, isOurs: false }]
  t.match(advice({ server: real }), /real frps has no QUIC on this port/)
  t.match(advice({ server: [{}], profile: { udp: false } }), /No STUN server answers/)
})

t.test('a refused login and a server that is not there have their own advice', async t => {
  const refused = { isLoggedIn: false, error: 'token', code: 'LOGIN_REFUSED' } as const
  t.match(advice({ server: [refused] }), /compare auth\.token/)
  const gone = { isLoggedIn: false, error: 'refused', code: 'CONNECT_FAILED' } as const
  t.match(advice({ server: [gone] }), /cannot be reached: is it running/)
})

t.test('the kind of network is one sentence', async t => {
  t.match(kindLine(examination({})), /usual home network/)
  t.match(kindLine(examination({ own: 'random' })), /mobile and company networks/)
  t.match(kindLine(examination({ own: 'counting' })), /can be foreseen/)
  t.match(kindLine(examination({ own: undefined })), /Too few STUN servers/)
  t.match(kindLine(examination({ profile: { mapping: 'none' } })), /server is in this network/)
  t.match(kindLine(examination({ own: 'udp-blocked', server: [] })), /over frps by TCP/)
})
