// An IP packet, parsed once where it enters the network, and changed in place on its way. Reads
// IPv4 (RFC 791), IPv6 (RFC 8200) with TCP, UDP, ICMP and ICMPv6 right behind the header; whatever
// else there is travels as bytes without ports. Sans-IO.

import { fold, read16, read32, sumWords, updated, wordsOf, write16, write32 } from './checksum.ts'
import { keyAt, type IpKey } from './ip.ts'

/** What the ports of a packet mean; `icmp` is an echo, whose identifier serves as the port. */
export type PacketKind = 'tcp' | 'udp' | 'icmp' | 'icmp-error' | 'fragment' | 'other'

export const TCP = 6
export const UDP = 17
export const ICMP = 1
export const ICMP6 = 58

const ECHO_REQUEST = 8
const ECHO_REPLY = 0
const ECHO6_REQUEST = 128
const ECHO6_REPLY = 129
/** Destination unreachable, source quench, time exceeded, parameter problem (RFC 792). */
const ICMP_ERRORS = [3, 4, 11, 12]

/** TCP flags. */
export const FIN = 1
export const SYN = 2
export const RST = 4

const PORT_BYTES = { tcp: 20, udp: 8, icmp: 8, 'icmp-error': 8, fragment: 0, other: 0 } as const

/** What `parse` found out. */
interface Header {
  readonly version: 4 | 6
  readonly protocol: number
  readonly headerBytes: number
  readonly kind: PacketKind
}

/**
 * A quoted packet is what an ICMP error carries of the packet that caused it: at least the IP
 * header and 8 bytes, often no more.
 */
export class Packet {
  readonly bytes: Uint8Array
  readonly version: 4 | 6
  readonly kind: PacketKind
  readonly protocol: number
  /** Where the payload of IP begins. */
  readonly headerBytes: number
  source: IpKey
  destination: IpKey
  /** 0 where the kind has none. An echo has its identifier here and in `destinationPort`. */
  sourcePort = 0
  destinationPort = 0

  constructor(bytes: Uint8Array, { version, protocol, headerBytes, kind }: Header) {
    this.bytes = bytes
    this.version = version
    this.protocol = protocol
    this.headerBytes = headerBytes
    this.kind = kind
    this.source = keyAt(bytes, version === 4 ? 12 : 8, version)
    this.destination = keyAt(bytes, version === 4 ? 16 : 24, version)
    if (kind === 'tcp' || kind === 'udp') {
      this.sourcePort = read16(bytes, headerBytes)
      this.destinationPort = read16(bytes, headerBytes + 2)
    } else if (kind === 'icmp') {
      this.sourcePort = read16(bytes, headerBytes + 4)
      this.destinationPort = this.sourcePort
    }
  }

  /** Undefined for what is malformed; bytes behind the packet's own length are cut off. */
  static parse(bytes: Uint8Array): Packet | undefined {
    return read(bytes, { isQuoted: false })
  }

  get length(): number {
    return this.bytes.length
  }

  /** TTL, or hop limit. */
  get ttl(): number {
    return this.bytes[this.version === 4 ? 8 : 7] ?? 0
  }

  /** Takes `hops` from the TTL; false when it does not last, and the packet is as it was. */
  decrementTtl(hops: number): boolean {
    const { bytes, ttl } = this
    if (ttl <= hops) return false
    if (this.version === 6) {
      bytes[7] = ttl - hops
      return true
    }
    const before = read16(bytes, 8)
    bytes[8] = ttl - hops
    write16(bytes, 10, updated(read16(bytes, 10), before, read16(bytes, 8)))
    return true
  }

  /** May not be cut into pieces on its way; IPv6 never is. */
  get isUnfragmentable(): boolean {
    return this.version === 6 || ((this.bytes[6] ?? 0) & 0x40) !== 0
  }

  /** 0 where it is no TCP packet, or a quoted one without them. */
  get tcpFlags(): number {
    return this.kind === 'tcp' ? (this.bytes[this.headerBytes + 13] ?? 0) : 0
  }

  /** The packet that an ICMP error is about. Its bytes are those inside this one. */
  quoted(): Packet | undefined {
    if (this.kind !== 'icmp-error') return undefined
    return read(this.bytes.subarray(this.headerBytes + 8), { isQuoted: true })
  }

  /** IPv4 only. All checksums follow, also where the payload of a quoted packet is cut. */
  rewriteSource(ip: number, port: number): void {
    const before = this.#addressWords(12)
    write32(this.bytes, 12, ip)
    this.source = ip
    this.#rewritten(before, wordsOf(ip), this.kind === 'icmp' ? 4 : 0, port)
    this.sourcePort = port
    if (this.kind === 'icmp') this.destinationPort = port
  }

  /** IPv4 only, like `rewriteSource`. */
  rewriteDestination(ip: number, port: number): void {
    const before = this.#addressWords(16)
    write32(this.bytes, 16, ip)
    this.destination = ip
    this.#rewritten(before, wordsOf(ip), this.kind === 'icmp' ? 4 : 2, port)
    this.destinationPort = port
    if (this.kind === 'icmp') this.sourcePort = port
  }

  /** After the quoted packet was changed. */
  refreshIcmpChecksum(): void {
    const { bytes, headerBytes } = this
    write16(bytes, headerBytes + 2, 0)
    write16(bytes, headerBytes + 2, fold(sumWords(bytes, headerBytes, bytes.length)))
  }

  /** Its own bytes, so that each copy can be changed. */
  copy(): Packet {
    return new Packet(this.bytes.slice(), this)
  }

  #addressWords(at: number): number {
    return wordsOf(read32(this.bytes, at))
  }

  /** An address of the IP header has changed; the port at `portAt` of the payload does so now. */
  #rewritten(before: number, after: number, portAt: number, port: number): void {
    const { bytes, headerBytes, kind } = this
    write16(bytes, 10, updated(read16(bytes, 10), before, after))
    if (kind !== 'tcp' && kind !== 'udp' && kind !== 'icmp') return
    const at = headerBytes + portAt
    const oldPort = read16(bytes, at)
    write16(bytes, at, port)
    // The pseudo header of TCP and UDP has the addresses; ICMP has none.
    const isIcmp = kind === 'icmp'
    const was = isIcmp ? oldPort : before + oldPort
    this.#updateChecksum(was, isIcmp ? port : after + port)
  }

  #updateChecksum(before: number, after: number): void {
    const { bytes, headerBytes, kind } = this
    const at = headerBytes + (kind === 'tcp' ? 16 : kind === 'udp' ? 6 : 2)
    if (at + 2 > bytes.length) return
    const checksum = read16(bytes, at)
    // A UDP checksum of 0 is none (RFC 768); one that comes out as 0 is written as 0xffff.
    if (kind === 'udp' && checksum === 0) return
    const result = updated(checksum, before, after)
    write16(bytes, at, kind === 'udp' && result === 0 ? 0xffff : result)
  }
}

function read(bytes: Uint8Array, { isQuoted }: { readonly isQuoted: boolean }): Packet | undefined {
  const version = (bytes[0] ?? 0) >>> 4
  if (version === 4) return readIpv4(bytes, isQuoted)
  return version === 6 ? readIpv6(bytes, isQuoted) : undefined
}

function readIpv4(bytes: Uint8Array, isQuoted: boolean): Packet | undefined {
  const headerBytes = ((bytes[0] ?? 0) & 15) * 4
  const length = read16(bytes, 2)
  if (headerBytes < 20 || length < headerBytes || bytes.length < headerBytes) return undefined
  if (bytes.length < length && !isQuoted) return undefined
  const whole = bytes.length > length ? bytes.subarray(0, length) : bytes
  const protocol = bytes[9] ?? 0
  const isLaterFragment = (read16(bytes, 6) & 0x1fff) !== 0
  const kind = isLaterFragment ? 'fragment' : kindOf(whole, headerBytes, protocol, ICMP)
  // A first fragment may be as short as a quoted packet.
  const isCut = isQuoted || (read16(bytes, 6) & 0x2000) !== 0
  if (whole.length - headerBytes < (isCut ? Math.min(8, PORT_BYTES[kind]) : PORT_BYTES[kind])) {
    return undefined
  }
  return new Packet(whole, { version: 4, protocol, headerBytes, kind })
}

function readIpv6(bytes: Uint8Array, isQuoted: boolean): Packet | undefined {
  const length = 40 + read16(bytes, 4)
  if (bytes.length < 40 || (bytes.length < length && !isQuoted)) return undefined
  const whole = bytes.length > length ? bytes.subarray(0, length) : bytes
  const protocol = bytes[6] ?? 0
  const kind = kindOf(whole, 40, protocol, ICMP6)
  if (whole.length - 40 < (isQuoted ? Math.min(8, PORT_BYTES[kind]) : PORT_BYTES[kind])) {
    return undefined
  }
  return new Packet(whole, { version: 6, protocol, headerBytes: 40, kind })
}

function kindOf(
  bytes: Uint8Array,
  headerBytes: number,
  protocol: number,
  icmp: number,
): PacketKind {
  if (protocol === TCP) return 'tcp'
  if (protocol === UDP) return 'udp'
  if (protocol !== icmp) return 'other'
  const type = bytes[headerBytes] ?? 0
  if (icmp === ICMP6) {
    if (type === ECHO6_REQUEST || type === ECHO6_REPLY) return 'icmp'
    return type < 128 ? 'icmp-error' : 'other'
  }
  if (type === ECHO_REQUEST || type === ECHO_REPLY) return 'icmp'
  return ICMP_ERRORS.includes(type) ? 'icmp-error' : 'other'
}
