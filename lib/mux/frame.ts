// The yamux frame header, version 0: 12 bytes, big-endian. hashicorp/yamux spec.md; frp-wire.md
// §1.4.

export const HEADER_BYTES = 12

export const FrameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const

export const FrameFlag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const

export const GoAwayCode = { normal: 0, protocolError: 1, internalError: 2 } as const

/**
 * What each side may send on a stream before it has heard of a larger window. A constant of the
 * protocol.
 */
export const BASE_WINDOW_BYTES = 262_144

export interface FrameHeader {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  /**
   * Data: bytes that follow. Window update: bytes granted. Ping: an opaque value. Go away: a code.
   */
  readonly length: number
}

export function encodeHeader({ type, flags, streamId, length }: FrameHeader): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header[0] = 0
  header[1] = type
  header.writeUInt16BE(flags, 2)
  header.writeUInt32BE(streamId, 4)
  header.writeUInt32BE(length, 8)
  return header
}
