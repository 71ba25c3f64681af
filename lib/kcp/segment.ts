// The KCP segment: a header of 24 bytes, little-endian, and its bytes. A datagram holds one or more
// of them (frp-wire.md section 1.6; xtaci/kcp-go).

export const SEGMENT_HEADER_BYTES = 24

export const Command = { push: 81, acknowledge: 82, askWindow: 83, tellWindow: 84 } as const

/** No segment of a kcp-go is longer: its datagrams end at 1,500 bytes. */
export const MAX_SEGMENT_BYTES: number = 1_500 - SEGMENT_HEADER_BYTES

/** What a header says. Of messages in several fragments KCP says more; a byte stream has none. */
export interface Segment {
  command: number
  /** Segments that its sender has room for. */
  window: number
  /** Sender's clock, ms; an acknowledgement repeats that of the segment it is for. */
  ts: number
  sn: number
  /** All before it have come. */
  una: number
  /** Its bytes in the datagram. */
  start: number
  end: number
}

export function newSegment(): Segment {
  return { command: 0, window: 0, ts: 0, sn: 0, una: 0, start: 0, end: 0 }
}

/** Reads the one at `at` into `into`; returns where the next begins, or -1 when it is none. */
export function readSegment(data: Buffer, at: number, conv: number, into: Segment): number {
  if (data.length - at < SEGMENT_HEADER_BYTES || data.readUInt32LE(at) !== conv) return -1
  into.command = data.readUInt8(at + 4)
  if (into.command < Command.push || into.command > Command.tellWindow) return -1
  into.window = data.readUInt16LE(at + 6)
  into.ts = data.readUInt32LE(at + 8)
  into.sn = data.readUInt32LE(at + 12)
  into.una = data.readUInt32LE(at + 16)
  const length = data.readUInt32LE(at + 20)
  into.start = at + SEGMENT_HEADER_BYTES
  into.end = into.start + length
  return length > MAX_SEGMENT_BYTES || into.end > data.length ? -1 : into.end
}

/** Writes the header at `at`; the bytes from `start` to `end` are the caller's to write. */
export function writeHeader(target: Buffer, at: number, conv: number, segment: Segment): void {
  target.writeUInt32LE(conv, at)
  target.writeUInt8(segment.command, at + 4)
  target.writeUInt8(0, at + 5)
  target.writeUInt16LE(segment.window, at + 6)
  target.writeUInt32LE(segment.ts, at + 8)
  target.writeUInt32LE(segment.sn, at + 12)
  target.writeUInt32LE(segment.una, at + 16)
  target.writeUInt32LE(segment.end - segment.start, at + 20)
}

/** True where `data` from `at` on is nothing but segments of this conversation, at least one. */
export function isAllSegments(data: Buffer, at: number, conv: number): boolean {
  const segment = newSegment()
  let next = at
  while (next >= 0 && next < data.length) next = readSegment(data, next, conv, segment)
  return next === data.length && next > at
}

/** How far `a` is past `b`, where numbers of 32 bits begin again. */
export function distance(a: number, b: number): number {
  return (a - b) | 0
}
