// How KCP's datagrams are framed for forward error correction, little-endian (frp-wire.md section
// 1.6; kcp-go fec.go):
//
//   seqid u32 | type u16 = 0xf1 | size u16 | segments     data; size counts itself and the segments
//   seqid u32 | type u16 = 0xf2 | parity                  of everything after the type
//
// A datagram without it begins with a segment, whose bytes 4 and 5 are never these.

import { isAllSegments, SEGMENT_HEADER_BYTES } from './segment.ts'

/** Where a shard begins: what parity is computed of. */
export const SHARD_OFFSET = 6
/** Where the segments of a data packet begin. */
export const FEC_HEADER_BYTES = 8

export const FecType = { data: 0xf1, parity: 0xf2 } as const

export interface FecHeader {
  readonly seqid: number
  readonly type: number
}

/** Undefined where the datagram has no such frame. */
export function readFecHeader(data: Buffer): FecHeader | undefined {
  if (data.length < FEC_HEADER_BYTES) return undefined
  const type = data.readUInt16LE(4)
  if (type !== FecType.data && type !== FecType.parity) return undefined
  return { seqid: data.readUInt32LE(0), type }
}

export function writeFecHeader(target: Buffer, at: number, { seqid, type }: FecHeader): void {
  target.writeUInt32LE(seqid, at)
  target.writeUInt16LE(type, at + 4)
}

/** Whether a conversation can begin with this datagram. */
export function isKcpDatagram(data: Buffer, conv: number): boolean {
  const header = readFecHeader(data)
  if (header === undefined) return isAllSegments(data, 0, conv)
  return header.type === FecType.data && isAllSegments(data, FEC_HEADER_BYTES, conv)
}

/**
 * The length of the first datagram of several that the kernel has glued together without telling
 * their size, or of the one that there is.
 */
export function firstLength(data: Buffer): number {
  const header = readFecHeader(data)
  if (header?.type === FecType.data) return Math.min(data.length, lengthOfData(data))
  // Segments can be read on over the seams.
  if (header === undefined) return data.length
  // Parity does not say how long it is; the next packet has the next number.
  const wanted = (header.seqid + 1) >>> 0
  const last = data.length - FEC_HEADER_BYTES
  for (let at = SHARD_OFFSET + SEGMENT_HEADER_BYTES; at <= last; at++) {
    if (data.readUInt32LE(at) !== wanted) continue
    const type = data.readUInt16LE(at + 4)
    if (type === FecType.data || type === FecType.parity) return at
  }
  return data.length
}

function lengthOfData(data: Buffer): number {
  return Math.max(FEC_HEADER_BYTES, SHARD_OFFSET + data.readUInt16LE(SHARD_OFFSET))
}
