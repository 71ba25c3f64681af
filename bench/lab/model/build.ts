// Packets that the network makes itself: the ICMP errors of its routers (RFC 792, RFC 1191,
// RFC 4443), and UDP for the simulator. Sans-IO.

import { fold, sumWords, write16, write32 } from './checksum.ts'
import { parseIpv6, type IpKey } from './ip.ts'
import { ICMP, ICMP6, Packet, UDP } from './packet.ts'

export type IcmpProblem =
  | { readonly type: 'too-long'; readonly mtu: number }
  | { readonly type: 'time-exceeded' }
  | { readonly type: 'port-unreachable' }

/** RFC 1812 asks for as much of the packet as fits into 576 bytes; ICMPv6 for 1,280. */
const MAX_ICMP_BYTES = 576
const MAX_ICMP6_BYTES = 1280
const TTL = 64

/** ICMP type and code, IPv4 then IPv6. */
const CODES = {
  'too-long': [3, 4, 2, 0],
  'time-exceeded': [11, 0, 3, 0],
  'port-unreachable': [3, 3, 1, 4],
} as const

/**
 * The answer of `router` to whoever sent `cause`; undefined where none may be sent: about another
 * ICMP error or a later fragment (RFC 1122 §3.2.2), or with a router of the other IP version.
 */
export function icmpError(cause: Packet, router: IpKey, problem: IcmpProblem): Packet | undefined {
  if (cause.kind === 'icmp-error' || cause.kind === 'fragment') return undefined
  const isIpv4 = cause.version === 4
  if (isIpv4 !== (typeof router === 'number')) return undefined
  const [type, code, type6, code6] = CODES[problem.type]
  const headerBytes = isIpv4 ? 20 : 40
  const room = (isIpv4 ? MAX_ICMP_BYTES : MAX_ICMP6_BYTES) - headerBytes - 8
  const quoted = cause.bytes.subarray(0, room)
  const payload = new Uint8Array(8 + quoted.length)
  payload[0] = isIpv4 ? type : type6
  payload[1] = isIpv4 ? code : code6
  // 'packet too big' has 32 bits for the MTU, 'fragmentation needed' the latter 16 of them.
  if (problem.type === 'too-long') write32(payload, 4, problem.mtu)
  payload.set(quoted, 8)
  const protocol = isIpv4 ? ICMP : ICMP6
  return finish(buildIp(router, cause.source, protocol, payload, TTL), 2, !isIpv4)
}

export interface UdpFields {
  readonly source: IpKey
  readonly sourcePort: number
  readonly destination: IpKey
  readonly destinationPort: number
  readonly payload: Uint8Array
  /** Default 64. */
  readonly ttl?: number
  /** IPv4's DF. Default true, as Linux's sockets. */
  readonly isUnfragmentable?: boolean
}

/** Both addresses of one version. */
export function udpPacket(fields: UdpFields): Uint8Array {
  const { source, destination, payload } = fields
  const datagram = new Uint8Array(8 + payload.length)
  write16(datagram, 0, fields.sourcePort)
  write16(datagram, 2, fields.destinationPort)
  write16(datagram, 4, datagram.length)
  datagram.set(payload, 8)
  const bytes = buildIp(source, destination, UDP, datagram, fields.ttl ?? TTL)
  if (typeof source === 'number' && fields.isUnfragmentable === false) bytes[6] = 0
  return finishBytes(bytes, 6, true)
}

/** The IP header with its payload; checksums are still missing. */
export function buildIp(
  source: IpKey,
  destination: IpKey,
  protocol: number,
  payload: Uint8Array,
  ttl: number,
): Uint8Array {
  const isIpv4 = typeof source === 'number'
  const bytes = new Uint8Array((isIpv4 ? 20 : 40) + payload.length)
  if (isIpv4) {
    bytes[0] = 0x45
    write16(bytes, 2, bytes.length)
    bytes[6] = 0x40
    bytes[8] = ttl
    bytes[9] = protocol
    write32(bytes, 12, source)
    write32(bytes, 16, Number(destination))
  } else {
    bytes[0] = 0x60
    write16(bytes, 4, payload.length)
    bytes[6] = protocol
    bytes[7] = ttl
    putIpv6(bytes, 8, source)
    putIpv6(bytes, 24, destination)
  }
  bytes.set(payload, isIpv4 ? 20 : 40)
  return bytes
}

/** Fills in the header's checksum and that of the payload, which stands at `at` of it. */
export function finishBytes(bytes: Uint8Array, at: number, hasPseudoHeader: boolean): Uint8Array {
  const isIpv4 = (bytes[0] ?? 0) >>> 4 === 4
  const headerBytes = isIpv4 ? 20 : 40
  if (isIpv4) {
    write16(bytes, 10, 0)
    write16(bytes, 10, fold(sumWords(bytes, 0, 20)))
  }
  write16(bytes, headerBytes + at, 0)
  const protocol = bytes[isIpv4 ? 9 : 6] ?? 0
  const addresses = sumWords(bytes, isIpv4 ? 12 : 8, headerBytes)
  const pseudo = hasPseudoHeader ? addresses + protocol + bytes.length - headerBytes : 0
  const checksum = fold(pseudo + sumWords(bytes, headerBytes, bytes.length))
  write16(bytes, headerBytes + at, protocol === UDP && checksum === 0 ? 0xffff : checksum)
  return bytes
}

function finish(bytes: Uint8Array, at: number, hasPseudoHeader: boolean): Packet | undefined {
  return Packet.parse(finishBytes(bytes, at, hasPseudoHeader))
}

function putIpv6(bytes: Uint8Array, at: number, key: IpKey): void {
  const address = typeof key === 'string' && key.length === 16 ? key : undefined
  if (address === undefined) bytes.set(parseIpv6('::'), at)
  else for (let index = 0; index < 16; index++) bytes[at + index] = address.charCodeAt(index)
}
