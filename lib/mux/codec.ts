// Sans-IO. Cuts received bytes into yamux frames. Bodies are handed on piece by piece as slices of
// what was received: nothing is copied and a body of any length needs no buffer. What a frame means
// is decided by session.ts.

import { TunnelError } from '../errors.ts'
import { FrameType, HEADER_BYTES, type FrameHeader } from './frame.ts'

export interface FrameHandler {
  /** Called before the body. Throws a TunnelError to end the session. */
  handleHeader(header: FrameHeader): void
  /** `left` bytes of the same body are still to come. */
  handleBody(bytes: Buffer, left: number): void
}

export class FrameDecoder {
  readonly #handler: FrameHandler
  readonly #partial: Buffer = Buffer.alloc(HEADER_BYTES)
  #partialBytes = 0
  #bodyLeft = 0

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Throws PROTOCOL_ERROR, or what the handler throws; the decoder cannot be used after that. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        const end = Math.min(chunk.length, at + this.#bodyLeft)
        this.#bodyLeft -= end - at
        const isWhole = at === 0 && end === chunk.length
        this.#handler.handleBody(isWhole ? chunk : chunk.subarray(at, end), this.#bodyLeft)
        at = end
      } else if (this.#partialBytes === 0 && chunk.length - at >= HEADER_BYTES) {
        this.#header(chunk, at)
        at += HEADER_BYTES
      } else {
        const end = Math.min(chunk.length, at + HEADER_BYTES - this.#partialBytes)
        chunk.copy(this.#partial, this.#partialBytes, at, end)
        this.#partialBytes += end - at
        at = end
        // A wrong version shows in the first byte: a peer that speaks something else may never send
        // twelve.
        if (this.#partial[0] !== 0) throw badVersion(this.#partial.subarray(0, this.#partialBytes))
        if (this.#partialBytes < HEADER_BYTES) return
        this.#partialBytes = 0
        this.#header(this.#partial, 0)
      }
    }
  }

  #header(bytes: Buffer, at: number): void {
    if (bytes[at] !== 0) throw badVersion(bytes.subarray(at, at + HEADER_BYTES))
    const header: FrameHeader = {
      type: bytes.readUInt8(at + 1),
      flags: bytes.readUInt16BE(at + 2),
      streamId: bytes.readUInt32BE(at + 4),
      length: bytes.readUInt32BE(at + 8),
    }
    if (header.type > FrameType.goAway) {
      throw new TunnelError('PROTOCOL_ERROR', `yamux frame of unknown type ${header.type}`)
    }
    if (header.type === FrameType.data) this.#bodyLeft = header.length
    this.#handler.handleHeader(header)
  }
}

function badVersion(bytes: Buffer): TunnelError {
  return new TunnelError(
    'PROTOCOL_ERROR',
    'the peer does not speak yamux (is tcpMux the same on both sides?), it sent ' +
      describeBytes(bytes),
  )
}

/** Bytes of a stranger for a log: text as text, else hex. */
export function describeBytes(bytes: Buffer): string {
  const shown = bytes.subarray(0, 16)
  const isText = shown.every(
    byte => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d),
  )
  return isText ? JSON.stringify(shown.toString('latin1')) : `bytes ${shown.toString('hex')}`
}
