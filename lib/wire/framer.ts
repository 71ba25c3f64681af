// Cuts a byte stream into v1 messages. Sans-IO. A wrong type byte or length is refused before the
// body is waited for. Format: frp-wire.md section 2.1.

import { TunnelError } from '../errors.ts'
import {
  decodeBody,
  HEADER_BYTES,
  MAX_BODY_BYTES,
  tooLong,
  typeOfByte,
  unknownType,
} from './codec.ts'
import type { Message } from './messages.ts'

const EMPTY = Buffer.alloc(0)

/**
 * Drive it so: `push` what arrived, call `next` until it gives undefined. At a switch to another
 * format take what is left with `rest`. Holds at most one frame when it is drained after each push.
 * Once `next` has thrown it throws the same error for ever: there is no way to find the next frame.
 */
export class Framer {
  #pending: Buffer = EMPTY
  #failure: TunnelError | undefined

  /** Takes the bytes over: the caller does not write into them afterwards. */
  push(chunk: Buffer): void {
    if (chunk.length === 0 || this.#failure) return
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
  }

  /** The next whole message, or undefined. Throws PROTOCOL_ERROR. */
  next(): Message | undefined {
    if (this.#failure) throw this.#failure
    try {
      return this.#next()
    } catch (error) {
      this.#pending = EMPTY
      this.#failure = error instanceof TunnelError ? error : undefined
      throw error
    }
  }

  /**
   * How many bytes are missing at least until `next` can go on: the type, the rest of a header, or
   * of a body. The type alone, because a stranger who sends fewer bytes than a header would
   * otherwise be waited for. Reading exactly so many never reads past a message. Never 0 when
   * `next` has given undefined.
   */
  missing(): number {
    if (this.#pending.length === 0) return 1
    if (this.#pending.length < HEADER_BYTES) return HEADER_BYTES - this.#pending.length
    return HEADER_BYTES + this.#pending.readUInt32BE(5) - this.#pending.length
  }

  /** True between messages: nothing of a next one has come. */
  get isEmpty(): boolean {
    return this.#pending.length === 0
  }

  /** Takes out the bytes after the last message. */
  rest(): Buffer {
    const rest = this.#pending
    this.#pending = EMPTY
    return rest
  }

  #next(): Message | undefined {
    const type = this.#pending[0]
    if (type === undefined) return undefined
    if (typeOfByte(type) === undefined) {
      throw new TunnelError('PROTOCOL_ERROR', unknownType(type))
    }
    if (this.#pending.length < HEADER_BYTES) return undefined
    const length = this.#pending.readBigInt64BE(1)
    if (length < 0n || length > BigInt(MAX_BODY_BYTES)) {
      throw new TunnelError('PROTOCOL_ERROR', tooLong(length))
    }
    const end = HEADER_BYTES + Number(length)
    if (this.#pending.length < end) return undefined
    const body = this.#pending.subarray(HEADER_BYTES, end)
    this.#pending = this.#pending.length === end ? EMPTY : this.#pending.subarray(end)
    return decodeBody(type, body)
  }
}
