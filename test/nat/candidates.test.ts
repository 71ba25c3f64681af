import t from 'tap'
import {
  guessableIps,
  hostCandidates,
  isOnNetwork,
  preservedCandidates,
  usableCandidates,
  type Surroundings,
} from '../../nat/candidates.ts'
import type { Candidate, NatProfile } from '../../nat/types.ts'

const AT_HOME: Surroundings = {
  networks: [{ ip: '192.168.1.2', prefixLength: 24 }, { ip: '2001:db8:1::2', prefixLength: 64 }],
  avoid: [{ ip: '198.51.100.1', port: 7000 }],
  observed: ['203.0.113.7'],
  hasIpv6: true,
}
const PROFILE: NatProfile = {
  udp: true,
  mapping: 'address-and-port-dependent',
  filtering: 'address-and-port-dependent',
  ports: { type: 'preserving' },
  externalIps: ['203.0.113.7'],
  hairpin: undefined,
  carrier: undefined,
  ipv6: false,
}

function host(ip: string, port = 5000): Candidate {
  return { type: 'host', address: { ip, port } }
}

function usableIps(candidates: readonly Candidate[], around: Partial<Surroundings> = {}): string[] {
  return usableCandidates(candidates, { ...AT_HOME, ...around }).map(({ address }) => address.ip)
}

t.test('a hostile list leads nowhere', async t => {
  const ips = [
    '127.0.0.1',
    '::1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.251',
    'ff02::fb',
    '169.254.169.254',
    'fe80::1',
    '10.0.0.1',
    '192.168.2.1',
    '172.16.0.1',
    '100.64.0.1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'localhost',
    '',
  ]
  t.strictSame(usableIps(ips.map(ip => host(ip))), [])
})

t.test('frps is never sent to, but another program beside it is', async t => {
  const candidates = [host('198.51.100.1', 7000), host('198.51.100.1', 7001)]
  const usable = usableCandidates(candidates, AT_HOME)
  t.strictSame(usable.map(({ address }) => address.port), [7001])
})

t.test('ports that are none are refused', async t => {
  for (const port of [0, -1, 65_536, 1.5, NaN, Infinity]) {
    t.strictSame(usableIps([host('203.0.113.7', port)]), [])
  }
})

t.test('private addresses are good on our networks, and where frps has seen the peer', async t => {
  t.strictSame(usableIps([host('192.168.1.9'), host('192.168.2.9')]), ['192.168.1.9'])
  t.strictSame(usableIps([host('10.0.0.9')], { observed: ['10.0.0.9'] }), ['10.0.0.9'])
})

t.test('IPv6 is left out where there is none', async t => {
  t.strictSame(usableIps([host('2a00::1')], { hasIpv6: false }), [])
  t.strictSame(usableIps([host('2a00::1')]), ['2a00::1'])
})

t.test('thousands of candidates are 32, each once, and the near ones first', async t => {
  const many = Array.from({ length: 5000 }, (_, index) => host(`9.9.${index >>> 8}.${index & 255}`))
  const near = host('192.168.1.9')
  t.strictSame(usableIps(Array.from({ length: 50 }, () => near)), ['192.168.1.9'])
  const usable = usableIps([...many.slice(0, 60), near, ...many])
  t.equal(usable.length, 32)
  t.equal(usable[0], '192.168.1.9')
})

t.test('ports are guessed only where frps has seen the peer', async t => {
  const guess = (externalIps: string[], observed: string[]): string[] =>
    guessableIps({ ...PROFILE, externalIps }, { observed, avoid: AT_HOME.avoid })
  t.strictSame(guess(['203.0.113.7'], ['203.0.113.7']), ['203.0.113.7'])
  t.strictSame(guess(['1.1.1.1'], ['203.0.113.7']), [], 'he says that he is somebody else')
  t.strictSame(guess(['203.0.113.7'], []), [])
  t.strictSame(guess([], ['203.0.113.7']), ['203.0.113.7'])
  t.strictSame(guess([], ['198.51.100.1', '127.0.0.1', '2a00::1']), [], 'nor frps itself')
  t.equal(guess([], ['1.0.0.1', '1.0.0.2', '1.0.0.3']).length, 2)
})

t.test('a symmetric box that keeps ports has the peer at his own port', async t => {
  const offer = { candidates: [host('192.168.9.9', 4711), host('10.0.0.3', 99)], profile: PROFILE }
  t.strictSame(preservedCandidates(offer, AT_HOME), [
    { type: 'predicted', address: { ip: '203.0.113.7', port: 4711 } },
  ])
})

t.test('virtual networks are not offered, unless there is nothing else', async t => {
  const address = (name: string, ip: string) => ({ name, ip, prefixLength: 24 })
  const bridge = address('docker0', '172.17.0.1')
  const others = [
    address('lo', '127.0.0.1'),
    address('eth0', '192.168.1.2'),
    address('eth0', 'fe80::1'),
    address('wg0', '10.8.0.2'),
    address('ppp0', '203.0.113.9'),
    address('br-0123456789ab', '172.18.0.1'),
    address('br-lan', '192.168.7.1'),
  ]
  const ips = (list: typeof others): string[] =>
    hostCandidates(list, 7).map(one => one.address.ip)
  t.strictSame(ips([bridge, ...others]), ['192.168.1.2', '203.0.113.9', '192.168.7.1'])
  t.strictSame(ips([bridge]), ['172.17.0.1'])
  t.strictSame(hostCandidates(others, 7)[0]?.address.port, 7)
})

t.test('a network holds its addresses, to the bit', async t => {
  const within = (ip: string, network: string, prefixLength: number): boolean =>
    isOnNetwork(ip, [{ ip: network, prefixLength }])
  t.ok(within('10.1.2.3', '10.1.3.9', 23))
  t.notOk(within('10.1.4.3', '10.1.3.9', 23))
  t.ok(within('10.1.3.9', '10.1.3.9', 32))
  t.notOk(within('10.1.3.8', '10.1.3.9', 32))
  t.ok(within('2001:db8:1::ffff', '2001:db8:1::2', 64))
  t.notOk(within('2001:db8:1:1::', '2001:db8:1::2', 64))
  t.notOk(within('10.1.2.3', '10.1.2.3', 0), 'a default route is no network')
  t.notOk(within('2001:db8::1', '10.1.2.3', 8))
})

t.test('an address that is both seen and mapped counts as mapped', async t => {
  const address = { ip: '203.0.113.7', port: 5000 }
  const seen: Candidate = { type: 'srflx', address }
  const mapped: Candidate = { type: 'mapped', address }
  t.strictSame(usableCandidates([seen, mapped], AT_HOME), [mapped])
  t.strictSame(usableCandidates([mapped, seen], AT_HOME), [mapped])
})
