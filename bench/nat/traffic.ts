// What users and the service of the nat bench send to each other, and what a user tells the bench.

import { createHash } from 'node:crypto'
import type { EpochMs } from '../load/messages.ts'

/** First byte of a connection: everything comes back. */
export const ECHO: number = 'e'.charCodeAt(0)
/** First byte of a connection: bytes without end, `blockOf(0)`, `blockOf(1)` ... */
export const SEND: number = 's'.charCodeAt(0)

export const BLOCK_BYTES: number = 64 * 1024
/** Of one echo message. */
export const MESSAGE_BYTES = 32

/** The first bytes of a block are its number: a piece that is missing, twice or moved shows. */
export function blockOf(number: number): Buffer {
  const block = Buffer.from(BODY)
  block.writeUInt32BE(number >>> 0, 0)
  return block
}

/** Looks at a stream of blocks in pieces of any size. */
export class BlockCheck {
  #expected = blockOf(0)
  #block = 0
  #at = 0
  #wrong = 0

  /** Bytes at positions where something else belongs. */
  get wrongBytes(): number {
    return this.#wrong
  }

  push(piece: Uint8Array): void {
    let at = 0
    while (at < piece.length) {
      const length = Math.min(piece.length - at, BLOCK_BYTES - this.#at)
      const part = piece.subarray(at, at + length)
      const expected = this.#expected.subarray(this.#at, this.#at + length)
      if (Buffer.compare(part, expected) !== 0) {
        for (const [index, byte] of part.entries()) if (byte !== expected[index]) this.#wrong++
      }
      at += length
      this.#at += length
      if (this.#at < BLOCK_BYTES) continue
      this.#at = 0
      this.#block++
      this.#expected.writeUInt32BE(this.#block, 0)
    }
  }
}

/** Messages at a fixed pace to the echo, over one connection that is opened for them. */
export interface EchoQuestion {
  readonly type: 'echo'
  readonly port: number
  readonly intervalMs: number
  readonly limitMs: number
  /** Ends at the first message that came back in less: it went directly. */
  readonly untilBelowMs?: number
}

export interface EchoAnswer {
  readonly startedAt: EpochMs
  /** Of each message; null for one that never came back. */
  readonly sentAt: readonly EpochMs[]
  readonly roundTripMs: readonly (number | null)[]
  /** When the connection ended by itself. */
  readonly brokenAt?: EpochMs
}

export interface DownloadQuestion {
  readonly type: 'download'
  readonly port: number
  readonly limitMs: number
  /** Ends when so many have come. */
  readonly untilBytes?: number
}

export interface DownloadAnswer {
  readonly startedAt: EpochMs
  /** What had come at which moment. */
  readonly at: readonly EpochMs[]
  readonly bytes: readonly number[]
  readonly wrongBytes: number
  readonly brokenAt?: EpochMs
}

export type Question = EchoQuestion | DownloadQuestion

/** Nothing compresses it, and no part repeats another. */
const BODY = Buffer.concat(
  Array.from({ length: BLOCK_BYTES / 64 }, (_, index) =>
    createHash('sha512').update(`quicfrp ${index}`).digest(),
  ),
)
