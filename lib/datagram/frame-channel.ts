// Datagrams as frames of a stream, for tcp mode between two of ours: three bytes of length, then
// the datagram as it is. Frames of one turn of the loop leave in one write. What the stream cannot
// take is refused, so that the hub drops the oldest and not a long queue grows.

import type { Duplex } from 'node:stream'
import type { DatagramChannel } from '../transport/transport.ts'
import { MAX_PACKET_BYTES } from './flow.ts'
import { MAX_HEAD_BYTES } from './header.ts'

const LENGTH_BYTES = 3

/** Bytes that may wait in the stream: one large packet, or 12 ms at 50 Mbit/s. */
const MAX_QUEUED_BYTES = 80 << 10

/** Frames are gathered in pieces of at least this size. */
const PIECE_BYTES = 16 << 10

export class FrameChannel implements DatagramChannel {
  readonly maxBytes: number = MAX_PACKET_BYTES + MAX_HEAD_BYTES
  readonly #stream: Duplex
  #handler: ((payload: Buffer) => void) | undefined
  #onWritable: (() => void) | undefined
  #isRefused = false
  /** Frames of this turn: `#piece` up to `#filled`. */
  #piece: Buffer = Buffer.alloc(0)
  #written = 0
  #filled = 0
  #isFlushing = false
  #isHeld = false
  /** The start of a frame whose end has not come. */
  #rest: Buffer = Buffer.alloc(0)

  /** The stream's owner handles its end and errors. */
  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('drain', () => this.#handleDrain())
  }

  /** Begins to read. Call it once the handlers are set. */
  start(): void {
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  /** Nothing is written before `release`; a piece of it is kept. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.#flush()
  }

  send(payload: Uint8Array): boolean {
    const stream = this.#stream
    if (payload.length > this.maxBytes || stream.destroyed) return false
    const waiting = stream.writableLength + this.#filled - this.#written
    if (waiting > MAX_QUEUED_BYTES) {
      this.#isRefused = true
      // It may be this turn's frames alone; then no 'drain' would come.
      if (stream.writableLength === 0) this.#flush()
      return false
    }
    const length = LENGTH_BYTES + payload.length
    if (this.#filled + length > this.#piece.length) {
      // Only the piece that is held is kept.
      if (this.#isHeld && this.#filled > 0) {
        this.#isRefused = true
        return false
      }
      this.#flush()
      this.#piece = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, length))
      this.#written = 0
      this.#filled = 0
    }
    this.#piece.writeUIntBE(payload.length, this.#filled, LENGTH_BYTES)
    this.#piece.set(payload, this.#filled + LENGTH_BYTES)
    this.#filled += length
    if (!this.#isFlushing) {
      this.#isFlushing = true
      // Not a microtask: packets of several sockets, one callback each, leave together so.
      setImmediate(() => this.#flush())
    }
    return true
  }

  onDatagram(handler: (payload: Buffer) => void): void {
    this.#handler = handler
  }

  onWritable(handler: () => void): void {
    this.#onWritable = handler
  }

  #flush(): void {
    this.#isFlushing = false
    if (this.#isHeld) return
    if (this.#filled === this.#written || this.#stream.destroyed) return
    const isBelow = this.#stream.write(this.#piece.subarray(this.#written, this.#filled))
    this.#written = this.#filled
    if (isBelow && this.#isRefused) setImmediate(() => this.#handleDrain())
  }

  #handleDrain(): void {
    if (!this.#isRefused || this.#stream.destroyed) return
    this.#isRefused = false
    this.#onWritable?.()
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at + LENGTH_BYTES <= bytes.length) {
      const length = bytes.readUIntBE(at, LENGTH_BYTES)
      if (length > this.maxBytes) {
        this.#stream.destroy()
        return
      }
      const end = at + LENGTH_BYTES + length
      if (end > bytes.length) break
      this.#handler?.(bytes.subarray(at + LENGTH_BYTES, end))
      at = end
    }
    bytes = bytes.subarray(at)
    // A copy, because the chunk is only lent.
    this.#rest = bytes.length === 0 ? bytes : Buffer.from(bytes)
  }
}
