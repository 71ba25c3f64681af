// The head of each datagram between two of ours. Sans-IO.
//
//   packet:  flags(1) flow(1-3) sequence(2) [part(1) last(1)]
//            [link(1-3) family(1) ip(4|16) port(2)]
//   others:  kind(1) flow(1-3), or for a report: kind(1) expected(4) received(4)
//
// So a packet of a known flow has 4 to 6 bytes before it, a part of one at most 8. Numbers are
// big-endian; flow and link are little groups of 7 bits, the top bit saying that another follows.

import type { Address } from '../address.ts'

/** The flow was opened by the receiver of the datagram, not by its sender. */
export const THEIRS = 0x01
/** A part of a packet that does not fit into one datagram. */
export const PART = 0x02
/** The flow is introduced: its link and the user's address follow. */
export const OPEN = 0x04
/** A repetition of a packet that was sent before. */
export const COPY = 0x08
const PACKET_FLAGS = THEIRS | PART | OPEN | COPY

/** The receiver knows the flow: no further introduction is needed. */
export const KNOWN = 0x80
/** The sender has closed the flow. Bit 0 as in THEIRS. */
export const CLOSED = 0x82
/** A packet came for a flow that the sender does not know. Bit 0 as in THEIRS. */
export const UNKNOWN = 0x84
/** How many packets of this direction should have come, and did. */
export const REPORT = 0x86

/** Flow and link numbers are below this: three groups of 7 bits. */
export const MAX_NUMBER: number = 1 << 21

/** Longest head: a part that introduces its flow, by an IPv6 address. */
export const MAX_HEAD_BYTES = 30

/** What is read of a packet's head, or of any other datagram. One object is reused for all. */
export interface Head {
  /** Flags of a packet, or one of the kinds without THEIRS. */
  kind: number
  isPacket: boolean
  isTheirs: boolean
  flow: number
  sequence: number
  part: number
  last: number
  link: number
  /** Where in the datagram the user's address is (family, ip, port); only with OPEN. */
  addressAt: number
  expected: number
  received: number
  /** Where the payload starts. */
  length: number
}

export function emptyHead(): Head {
  return {
    kind: 0,
    isPacket: false,
    isTheirs: false,
    flow: 0,
    sequence: 0,
    part: 0,
    last: 0,
    link: 0,
    addressAt: 0,
    expected: 0,
    received: 0,
    length: 0,
  }
}

/** Reads a head into `head`; false for what is cut short or makes no sense. */
export function readHead(datagram: Buffer, head: Head): boolean {
  if (datagram.length < 2) return false
  const first = datagram[0] ?? 0
  head.isPacket = first < KNOWN
  head.isTheirs = (first & THEIRS) !== 0
  head.length = 1
  if (!head.isPacket) {
    head.kind = first & ~THEIRS
    if (head.kind === REPORT) {
      if (datagram.length < 9) return false
      head.expected = datagram.readUInt32BE(1)
      head.received = datagram.readUInt32BE(5)
      return true
    }
    head.flow = readNumber(datagram, head)
    return head.kind <= UNKNOWN && head.flow >= 0
  }
  head.kind = first
  if ((first & ~PACKET_FLAGS) !== 0) return false
  head.flow = readNumber(datagram, head)
  if (head.flow < 0 || head.length + 2 > datagram.length) return false
  head.sequence = datagram.readUInt16BE(head.length)
  head.length += 2
  head.part = 0
  head.last = 0
  if ((first & PART) !== 0) {
    if (head.length + 2 > datagram.length) return false
    head.part = datagram[head.length] ?? 0
    head.last = datagram[head.length + 1] ?? 0
    head.length += 2
    if (head.last === 0 || head.part > head.last) return false
  }
  return (first & OPEN) === 0 || readIntroduction(datagram, head)
}

function readIntroduction(datagram: Buffer, head: Head): boolean {
  if (head.isTheirs) return false
  head.link = readNumber(datagram, head)
  if (head.link < 0) return false
  const family = datagram[head.length]
  if (family !== 4 && family !== 6) return false
  head.addressAt = head.length
  head.length += family === 4 ? 7 : 19
  return head.length <= datagram.length
}

/** Moves `head.length` on; -1 for a number that is cut short or too long. */
function readNumber(datagram: Buffer, head: Head): number {
  let value = 0
  for (let shift = 0; shift < 21; shift += 7) {
    const byte = datagram[head.length]
    if (byte === undefined) return -1
    head.length++
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
  return -1
}

/** Writes a flow or link number (0 to MAX_NUMBER - 1); gives the offset after it. */
export function writeNumber(target: Buffer, offset: number, value: number): number {
  let at = offset
  let rest = value
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[at++] = rest
  return at
}

/** The bytes of an address as in an introduction: family, ip, port. Zones are left out. */
export function encodeAddress({ ip, port }: Address): Buffer {
  const isV6 = ip.includes(':')
  const bytes = Buffer.alloc(isV6 ? 19 : 7)
  bytes[0] = isV6 ? 6 : 4
  if (isV6) writeV6(bytes, ip)
  else ip.split('.').forEach((part, index) => (bytes[1 + index] = Number(part)))
  bytes.writeUInt16BE(port, bytes.length - 2)
  return bytes
}

/** Reads what encodeAddress wrote at `offset`; the length was checked by readHead. */
export function decodeAddress(datagram: Buffer, offset: number): Address {
  if (datagram[offset] === 4) {
    const ip = datagram.subarray(offset + 1, offset + 5).join('.')
    return { ip, port: datagram.readUInt16BE(offset + 5) }
  }
  const groups = Array.from({ length: 8 }, (_, index) => {
    return datagram.readUInt16BE(offset + 1 + index * 2).toString(16)
  })
  return { ip: shortened(groups), port: datagram.readUInt16BE(offset + 17) }
}

function writeV6(bytes: Buffer, ip: string): void {
  const [text = ''] = ip.split('%')
  const [head = '', tail] = text.split('::')
  const groups = (part: string): number[] => {
    return part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16))
  }
  groups(head).forEach((group, index) => bytes.writeUInt16BE(group & 0xffff, 1 + index * 2))
  const last = tail === undefined ? [] : groups(tail)
  last.forEach((group, index) => {
    bytes.writeUInt16BE(group & 0xffff, 1 + (8 - last.length + index) * 2)
  })
}

/** RFC 5952: the longest run of two or more zero groups becomes `::`. */
function shortened(groups: readonly string[]): string {
  const text = groups.join(':')
  const runs = text.match(/(?:^|:)0(?::0)+(?=:|$)/g)
  if (!runs) return text
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best))
  const at = text.indexOf(longest)
  const after = text.slice(at + longest.length)
  return `${text.slice(0, at)}:${after === '' ? ':' : after}`.replace(/^:(?!:)/, '::')
}
