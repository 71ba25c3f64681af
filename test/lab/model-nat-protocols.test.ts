// A NAT box, fed by hand: TCP, ICMP, errors, fragments, and IPv6 behind its firewall.

import t from 'tap'
import { icmpError } from '../../bench/lab/model/build.ts'
import { fragment } from '../../bench/lab/model/fragments.ts'
import { formatKey, keyOf } from '../../bench/lab/model/ip.ts'
import { natOfClass } from '../../bench/lab/model/nat-classes.ts'
import { NatBox } from '../../bench/lab/model/nat.ts'
import { FIN, RST, SYN, type Packet } from '../../bench/lab/model/packet.ts'
import { seededRandom } from '../../bench/lab/model/random.ts'
import type { NatOptions } from '../../bench/lab/model/spec.ts'
import { echo, isIntact, tcp, udp } from '../sim/packets.ts'

const INSIDE = { ip: '192.168.1.2', port: 5000 }
const PUBLIC = { ip: '203.0.113.1', port: 5000 }
const REMOTE = { ip: '198.51.100.7', port: 443 }
const ACK = 16

function box(changes: Partial<NatOptions> = {}): NatBox {
  return new NatBox(natOfClass('C3', [PUBLIC.ip], changes), seededRandom(1))
}

function ends(packet: Packet): string {
  const { source, sourcePort, destination, destinationPort } = packet
  return `${formatKey(source)} ${sourcePort} > ${formatKey(destination)} ${destinationPort}`
}

function passes(verdict: boolean, packet: Packet): string {
  if (!verdict) return 'dropped'
  return isIntact(packet) ? ends(packet) : `broken: ${ends(packet)}`
}

function out(nat: NatBox, packet: Packet, now = 0): string {
  return passes(nat.outbound(packet, now), packet)
}

function into(nat: NatBox, packet: Packet, now = 0): string {
  return passes(nat.inbound(packet, now), packet)
}

t.test('TCP passes both ways, and nobody else comes in', async t => {
  const nat = box()
  t.equal(out(nat, tcp(INSIDE, REMOTE, SYN)), '203.0.113.1 5000 > 198.51.100.7 443')
  const answer = '198.51.100.7 443 > 192.168.1.2 5000'
  t.equal(into(nat, tcp(REMOTE, PUBLIC, SYN | ACK)), answer)
  t.equal(into(nat, tcp({ ...REMOTE, port: 444 }, PUBLIC, SYN)), 'dropped')
  t.equal(into(nat, udp(REMOTE, PUBLIC)), 'dropped', 'UDP of the same port is another mapping')
})

t.test('a TCP connection lives for hours, an opening one for minutes', async t => {
  const nat = box()
  out(nat, tcp(INSIDE, REMOTE, SYN))
  t.equal(into(nat, tcp(REMOTE, PUBLIC, SYN | ACK), 120_000), 'dropped')
  out(nat, tcp(INSIDE, REMOTE, SYN), 200_000)
  into(nat, tcp(REMOTE, PUBLIC, SYN | ACK), 200_100)
  t.not(into(nat, tcp(REMOTE, PUBLIC, ACK), 200_100 + 7_439_999), 'dropped')
})

t.test('a connection that both sides have ended is forgotten soon, a reset one sooner', async t => {
  const life = (...segments: [fromInside: boolean, flags: number][]): number => {
    const nat = box()
    out(nat, tcp(INSIDE, REMOTE, SYN))
    into(nat, tcp(REMOTE, PUBLIC, SYN | ACK))
    for (const [fromInside, flags] of segments) {
      if (fromInside) out(nat, tcp(INSIDE, REMOTE, flags))
      else into(nat, tcp(REMOTE, PUBLIC, flags))
    }
    return nat.mappings(0)[0]?.expiresAt ?? 0
  }
  t.equal(life(), 7_440_000)
  t.equal(life([true, FIN | ACK]), 7_440_000, 'half closed')
  t.equal(life([true, FIN | ACK], [false, FIN | ACK]), 120_000)
  t.equal(life([true, FIN | ACK], [false, FIN | ACK], [true, ACK]), 120_000)
  t.equal(life([false, RST]), 10_000)
  t.equal(life([false, RST], [true, SYN], [false, SYN | ACK]), 7_440_000, 'the port is used again')
})

t.test('echoes are told apart by their identifier', async t => {
  const nat = box()
  const other = '192.168.1.3'
  const request = (from: string): Packet => echo(from, REMOTE.ip, 5000, 'request')
  const reply = (id: number): Packet => echo(REMOTE.ip, PUBLIC.ip, id, 'reply')
  t.equal(out(nat, request(INSIDE.ip)), '203.0.113.1 5000 > 198.51.100.7 5000')
  t.equal(out(nat, request(other)), '203.0.113.1 5001 > 198.51.100.7 5001')
  t.equal(into(nat, reply(5001)), '198.51.100.7 5000 > 192.168.1.3 5000')
  t.equal(into(nat, reply(5000)), '198.51.100.7 5000 > 192.168.1.2 5000')
  t.equal(into(nat, echo('198.51.100.8', PUBLIC.ip, 5000, 'reply')), 'dropped')
})

t.test('an error from outside finds its client and quotes what he sent', async t => {
  const cases = [
    { sent: udp(INSIDE, REMOTE, new Uint8Array(900)), kind: 'udp' },
    { sent: tcp(INSIDE, REMOTE, SYN), kind: 'tcp' },
    { sent: echo(INSIDE.ip, REMOTE.ip, 5000, 'request'), kind: 'icmp' },
  ]
  for (const { sent, kind } of cases) {
    const nat = box({ ports: { type: 'random' } })
    nat.outbound(sent, 0)
    const error = icmpError(sent, keyOf('9.9.9.9'), { type: 'too-long', mtu: 1300 })
    if (!error) throw new Error('no error')
    t.equal(into(nat, error), '9.9.9.9 0 > 192.168.1.2 0', kind)
    const quoted = error.quoted()
    t.equal(quoted?.kind, kind)
    t.equal(formatKey(quoted?.source ?? 0), INSIDE.ip)
    t.equal(quoted?.sourcePort, 5000)
    if (kind !== 'udp' && quoted) t.ok(isIntact(quoted), 'the quoted checksum is right again')
  }
})

t.test('an error from outside that quotes what nobody sent is dropped', async t => {
  const nat = box()
  nat.outbound(udp(INSIDE, REMOTE), 0)
  const forged = [
    udp(PUBLIC, { ...REMOTE, port: 1 }),
    udp({ ...PUBLIC, port: 1 }, REMOTE),
    tcp(PUBLIC, REMOTE, SYN),
  ]
  for (const cause of forged) {
    const error = icmpError(cause, keyOf('9.9.9.9'), { type: 'port-unreachable' })
    t.equal(error && nat.inbound(error, 0), false, ends(cause))
  }
})

t.test('an error from inside leaves as the box, and quotes what the remote sent', async t => {
  const nat = box({ ports: { type: 'random' } })
  const sent = udp(INSIDE, REMOTE)
  nat.outbound(sent, 0)
  const answer = udp(REMOTE, { ip: PUBLIC.ip, port: sent.sourcePort })
  nat.inbound(answer, 0)
  const error = icmpError(answer, keyOf(INSIDE.ip), { type: 'port-unreachable' })
  if (!error) throw new Error('no error')
  t.equal(out(nat, error), '203.0.113.1 0 > 198.51.100.7 0')
  const quoted = error.quoted()
  t.equal(quoted && ends(quoted), `198.51.100.7 443 > 203.0.113.1 ${sent.sourcePort}`)
  t.ok(quoted && isIntact(quoted))
})

t.test('errors keep no mapping alive', async t => {
  const nat = box({ lifeMs: 1000, unansweredLifeMs: 1000 })
  const sent = udp(INSIDE, REMOTE)
  nat.outbound(sent, 0)
  const error = icmpError(sent, keyOf('9.9.9.9'), { type: 'time-exceeded' })
  t.equal(error && nat.inbound(error, 900), true)
  t.equal(nat.mappings(1001).length, 0)
})

t.test('the pieces of a datagram follow the first one, both ways', async t => {
  const nat = box({ ports: { type: 'random' } })
  const whole = udp(INSIDE, REMOTE, new Uint8Array(3000), { isUnfragmentable: false })
  const pieces = fragment(whole, 1500)
  t.equal(pieces.length, 3)
  t.equal(nat.outbound(pieces[1] ?? whole, 0), false, 'the first one is not known yet')
  for (const piece of pieces) {
    t.equal(nat.outbound(piece, 0), true)
    t.equal(formatKey(piece.source), PUBLIC.ip)
  }
  const port = pieces[0]?.sourcePort ?? 0
  const to = { ip: PUBLIC.ip, port }
  const back = udp(REMOTE, to, new Uint8Array(3000), { isUnfragmentable: false })
  for (const piece of fragment(back, 1500)) {
    t.equal(nat.inbound(piece, 0), true)
    t.equal(formatKey(piece.destination), INSIDE.ip)
  }
})

t.test('a reset forgets the pieces, too', async t => {
  const nat = box()
  const whole = udp(INSIDE, REMOTE, new Uint8Array(3000), { isUnfragmentable: false })
  const [first = whole, second = whole] = fragment(whole, 1500)
  nat.outbound(first, 0)
  nat.reset()
  t.equal(nat.outbound(second, 0), false)
})

t.test('a cut packet has all its bytes, in pieces that fit', async t => {
  const payload = Uint8Array.from({ length: 2999 }, (_, index) => index % 251)
  const whole = udp(INSIDE, REMOTE, payload, { isUnfragmentable: false })
  const pieces = fragment(whole, 1300)
  t.ok(pieces.every(({ length }) => length <= 1300))
  const joined = Buffer.concat(pieces.map(({ bytes }) => bytes.subarray(20)))
  t.ok(joined.equals(whole.bytes.subarray(20)))
  const offsets = pieces.map(({ bytes }) => Buffer.from(bytes).readUInt16BE(6))
  t.strictSame(offsets, [0x2000, 0x2000 | 160, 320])
  t.strictSame(fragment(udp(INSIDE, REMOTE, payload), 1300), [], 'not with DF')
})

t.test('IPv6 keeps its addresses, and from outside comes who was spoken to', async t => {
  const inside = { ip: '2001:db8::1', port: 5000 }
  const remote = { ip: '2001:db8:1::1', port: 443 }
  const nat = box({ lifeMs: 60_000 })
  t.equal(nat.inbound(udp(remote, inside), 0), false)
  t.equal(nat.outbound(udp(inside, remote), 0), true)
  t.equal(nat.inbound(udp(remote, inside), 1), true)
  t.equal(nat.inbound(udp({ ...remote, port: 1 }, inside), 1), false)
  t.equal(nat.inbound(tcp(remote, inside, SYN), 1), false)
  const error = icmpError(udp(inside, remote), keyOf('2001:db8:9::1'), { type: 'time-exceeded' })
  t.equal(error && nat.inbound(error, 1), true)
  t.equal(nat.inbound(udp(remote, inside), 60_002), false)
  const loose = box({ filtering: 'address-dependent' })
  loose.outbound(udp(inside, remote), 0)
  t.equal(loose.inbound(udp({ ...remote, port: 1 }, inside), 1), true)
})

t.test('other protocols do not pass an IPv4 NAT', async t => {
  const odd = udp(INSIDE, REMOTE).bytes
  odd[9] = 132
  const nat = box()
  const packet = udp(INSIDE, REMOTE)
  t.equal(nat.outbound(Object.assign(packet, { kind: 'other' }), 0), false)
})
