import t from 'tap'
import { icmpError, type IcmpProblem } from '../../bench/lab/model/build.ts'
import { formatKey, keyOf, parseIpv4, parseIpv6 } from '../../bench/lab/model/ip.ts'
import { Packet, SYN } from '../../bench/lab/model/packet.ts'
import { echo, isIntact, parsed, tcp, udp } from '../sim/packets.ts'
import { seededRandom, testSeed } from '../support/random.ts'

const A = { ip: '192.168.1.2', port: 5000 }
const B = { ip: '203.0.113.9', port: 443 }

t.test('addresses and ports are read from each kind', async t => {
  const packets = { udp: udp(A, B), tcp: tcp(A, B, SYN) }
  for (const [kind, packet] of Object.entries(packets)) {
    t.equal(packet.kind, kind)
    t.equal(formatKey(packet.source), A.ip)
    t.equal(formatKey(packet.destination), B.ip)
    t.strictSame([packet.sourcePort, packet.destinationPort], [5000, 443])
    t.ok(isIntact(packet), `${kind} is intact`)
  }
  const ping = echo(A.ip, B.ip, 77, 'request')
  t.strictSame([ping.kind, ping.sourcePort, ping.destinationPort], ['icmp', 77, 77])
  const ping6 = echo('2001:db8::1', '2001:db8::2', 78, 'reply')
  t.strictSame([ping6.kind, ping6.sourcePort, ping6.version], ['icmp', 78, 6])
  t.ok(isIntact(ping6))
  const udp6 = udp({ ip: '2001:db8::1', port: 1 }, { ip: '2001:db8::2', port: 2 })
  t.strictSame([udp6.kind, formatKey(udp6.source)], ['udp', '2001:db8:0:0:0:0:0:1'])
  t.ok(isIntact(udp6))
})

t.test('a real packet keeps its bytes: a DNS query as Linux sends it', async t => {
  const hex =
    '4500003b5a3640004011' + '5d1a' + '0a000002' + '0a000001' + 'd4310035' + '0027' + '0000'
  const bytes = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(31)])
  const packet = parsed(bytes)
  t.equal(formatKey(packet.source), '10.0.0.2')
  t.equal(packet.sourcePort, 54321)
  t.equal(packet.destinationPort, 53)
  t.equal(packet.isUnfragmentable, true)
  t.equal(packet.ttl, 64)
})

t.test('rewritten packets have right checksums, whatever is in them', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const some = (): { ip: string; port: number } => ({
    ip: [1, 2, 3, 4].map(() => random.below(256)).join('.'),
    port: random.below(65_536),
  })
  let broken = 0
  for (let count = 0; count < 3000; count++) {
    const packets = [
      udp(some(), some(), random.bytes(random.below(64))),
      tcp(some(), some(), random.below(64)),
      echo(some().ip, some().ip, random.below(65_536), 'request'),
    ]
    for (const packet of packets) {
      const to = some()
      if (random.below(2)) packet.rewriteSource(parseIpv4(to.ip), to.port)
      else packet.rewriteDestination(parseIpv4(to.ip), to.port)
      packet.decrementTtl(1 + random.below(3))
      if (!isIntact(packet)) broken++
    }
  }
  t.equal(broken, 0)
})

t.test('a UDP checksum that is absent stays so, and one that comes out 0 is 0xffff', async t => {
  const none = udp(A, B)
  none.bytes[26] = none.bytes[27] = 0
  none.rewriteSource(parseIpv4('1.2.3.4'), 9)
  t.strictSame([none.bytes[26], none.bytes[27]], [0, 0])
  // One source port or two make the sum come out as 0; which ones is easier tried than computed.
  let zeros = 0
  for (let port = 0; port < 65_536; port++) {
    const packet = udp(A, B)
    packet.rewriteSource(parseIpv4('1.2.3.4'), port)
    if (packet.bytes[26] === 0 && packet.bytes[27] === 0) t.fail(`port ${port}`)
    if (packet.bytes[26] === 255 && packet.bytes[27] === 255) zeros++
  }
  t.ok(zeros >= 1)
})

t.test('the TTL ends at 1, and the packet stays as it was', async t => {
  const packet = udp(A, B, undefined, { ttl: 3 })
  t.equal(packet.decrementTtl(2), true)
  t.equal(packet.ttl, 1)
  t.ok(isIntact(packet))
  t.equal(packet.decrementTtl(1), false)
  t.equal(packet.ttl, 1)
})

t.test('bytes behind the packet are cut off', async t => {
  const { bytes } = udp(A, B)
  t.equal(parsed(Buffer.concat([bytes, Buffer.alloc(9)])).length, bytes.length)
})

t.test('what is cut, too short or of another version is no packet', async t => {
  for (const { bytes } of [
    udp(A, B),
    tcp(A, B, SYN),
    echo(A.ip, B.ip, 1, 'request'),
    echo('2001:db8::1', '2001:db8::2', 1, 'request'),
  ]) {
    for (let length = 0; length < bytes.length; length++) {
      if (Packet.parse(bytes.subarray(0, length))) t.fail(`${length} of ${bytes.length} bytes`)
    }
  }
  t.equal(Packet.parse(Uint8Array.from({ length: 40 }, () => 0x75)), undefined)
  const tiny = udp(A, B).bytes
  tiny[0] = 0x44
  t.equal(Packet.parse(tiny), undefined, 'a header of 16 bytes')
})

t.test('random bytes never throw', async t => {
  const random = seededRandom(testSeed())
  for (let count = 0; count < 20_000; count++) {
    const bytes = random.bytes(random.below(100))
    bytes[0] = [0x45, 0x46, 0x60, 0x40][random.below(4)] ?? 0
    Packet.parse(bytes)?.quoted()
  }
  t.pass('20,000 packets')
})

t.test('an ICMP error quotes its cause and says what it is', async t => {
  const problems: [IcmpProblem, number, number, number, number][] = [
    [{ type: 'too-long', mtu: 1280 }, 3, 4, 2, 0],
    [{ type: 'time-exceeded' }, 11, 0, 3, 0],
    [{ type: 'port-unreachable' }, 3, 3, 1, 4],
  ]
  const A6 = { ip: '2001:db8::1', port: 1 }
  const B6 = { ip: '2001:db8::2', port: 2 }
  for (const [problem, type, code, type6, code6] of problems) {
    const error = icmpError(udp(A, B, new Uint8Array(1400)), keyOf('9.9.9.9'), problem)
    t.strictSame([error?.bytes[20], error?.bytes[21]], [type, code], problem.type)
    t.equal(error?.length, 576)
    t.ok(error && isIntact(error))
    t.equal(error?.destination, keyOf(A.ip))
    const quoted = error?.quoted()
    t.strictSame([quoted?.kind, quoted?.sourcePort, quoted?.destinationPort], ['udp', 5000, 443])
    const error6 = icmpError(udp(A6, B6, new Uint8Array(1400)), keyOf('2001:db8::9'), problem)
    t.strictSame([error6?.bytes[40], error6?.bytes[41]], [type6, code6], `${problem.type} 6`)
    t.ok(error6 && isIntact(error6))
    t.equal(error6?.quoted()?.destinationPort, 2)
  }
})

t.test('the MTU stands where each version has it', async t => {
  const problem = { type: 'too-long', mtu: 1337 } as const
  const error = icmpError(udp(A, B), keyOf('9.9.9.9'), problem)
  t.equal(Buffer.from(error?.bytes ?? []).readUInt16BE(26), 1337)
  const cause = udp({ ip: '::1', port: 1 }, { ip: '::2', port: 2 })
  const error6 = icmpError(cause, keyOf('::9'), problem)
  t.equal(Buffer.from(error6?.bytes ?? []).readUInt32BE(44), 1337)
})

t.test('no error is about an error, or a later fragment', async t => {
  const error = icmpError(udp(A, B), keyOf('9.9.9.9'), { type: 'time-exceeded' })
  if (!error) throw new Error('no error')
  t.equal(icmpError(error, keyOf('9.9.9.9'), { type: 'time-exceeded' }), undefined)
  const later = udp(A, B).bytes
  later[7] = 1
  t.equal(icmpError(parsed(later), keyOf('9.9.9.9'), { type: 'time-exceeded' }), undefined)
})

t.test('addresses in text come back, and what is none is refused by name', async t => {
  for (const text of ['0.0.0.0', '255.255.255.255']) t.equal(formatKey(keyOf(text)), text)
  t.equal(formatKey(keyOf('2001:db8::ff')), '2001:db8:0:0:0:0:0:ff')
  t.equal(formatKey(keyOf('::')), '0:0:0:0:0:0:0:0')
  for (const text of ['1.2.3', '1.2.3.256', '', 'a.b.c.d', '1.2.3.4.5']) {
    t.throws(() => parseIpv4(text), new RangeError(`"${text}" is not an IPv4 address`))
  }
  for (const text of ['1::2::3', '1:2', '::g', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::']) {
    t.throws(() => parseIpv6(text), new RangeError(`"${text}" is not an IPv6 address`))
  }
})
