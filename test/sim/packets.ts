// Packets for tests of the models, and a check of their checksums that shares no code with the
// incremental updates.

import type { Address } from '../../lib/address.ts'
import { buildIp, finishBytes, udpPacket } from '../../bench/lab/model/build.ts'
import { keyOf } from '../../bench/lab/model/ip.ts'
import { Packet } from '../../bench/lab/model/packet.ts'

export interface PacketOptions {
  readonly ttl?: number
  readonly isUnfragmentable?: boolean
}

export function udp(
  from: Address,
  to: Address,
  payload: Uint8Array = new Uint8Array(20),
  options: PacketOptions = {},
): Packet {
  const bytes = udpPacket({
    ...options,
    source: keyOf(from.ip),
    sourcePort: from.port,
    destination: keyOf(to.ip),
    destinationPort: to.port,
    payload,
  })
  return parsed(bytes)
}

/** A segment of 20 bytes without data. */
export function tcp(from: Address, to: Address, flags: number): Packet {
  const segment = new Uint8Array(20)
  segment.set([from.port >> 8, from.port & 255, to.port >> 8, to.port & 255])
  segment[12] = 0x50
  segment[13] = flags
  return parsed(finishBytes(buildIp(keyOf(from.ip), keyOf(to.ip), 6, segment, 64), 16, true))
}

/** An echo request or reply; `id` is what serves as the port. */
export function echo(from: string, to: string, id: number, type: 'request' | 'reply'): Packet {
  const isIpv4 = !from.includes(':')
  const code = isIpv4 ? (type === 'request' ? 8 : 0) : type === 'request' ? 128 : 129
  const message = Uint8Array.from([code, 0, 0, 0, id >> 8, id & 255, 0, 1, 1, 2, 3, 4])
  const bytes = buildIp(keyOf(from), keyOf(to), isIpv4 ? 1 : 58, message, 64)
  return parsed(finishBytes(bytes, 2, !isIpv4))
}

export function parsed(bytes: Uint8Array): Packet {
  const packet = Packet.parse(bytes)
  if (!packet) throw new Error('not a packet')
  return packet
}

/** True where every checksum of a whole packet is right, summed up word by word. */
export function isIntact({ bytes, version, headerBytes, protocol, kind }: Packet): boolean {
  const isHeaderRight = version === 6 || sum(bytes, 0, headerBytes) === 0xffff
  if (protocol === 17 && bytes[headerBytes + 6] === 0 && bytes[headerBytes + 7] === 0) {
    return isHeaderRight
  }
  const hasPseudoHeader = kind === 'tcp' || kind === 'udp' || version === 6
  const pseudo = new Uint8Array(hasPseudoHeader ? 36 : 0)
  if (hasPseudoHeader) {
    pseudo.set(bytes.subarray(version === 4 ? 12 : 8, headerBytes > 40 ? 40 : headerBytes))
    new DataView(pseudo.buffer).setUint16(32, bytes.length - headerBytes)
    pseudo[35] = protocol
  }
  const all = Uint8Array.from([...pseudo, ...bytes.subarray(headerBytes)])
  return isHeaderRight && sum(all, 0, all.length) === 0xffff
}

function sum(bytes: Uint8Array, from: number, to: number): number {
  let total = 0
  for (let at = from; at < to; at += 2) {
    total += ((bytes[at] ?? 0) << 8) + (at + 1 < to ? (bytes[at + 1] ?? 0) : 0)
    total = (total & 0xffff) + (total >>> 16)
  }
  return total
}
