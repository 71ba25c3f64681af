// A yamux stream as users see it: a Duplex with half-close and backpressure. The rules are in
// channel.ts and session.ts.

import { Duplex } from 'node:stream'
import { TunnelError } from '../errors.ts'
import type { StreamPriority } from '../transport/transport.ts'
import type { Channel, ChannelEvents } from './channel.ts'
import { ReceiveQueue } from './receive-queue.ts'

/**
 * Two reads of a TCP socket: with one (64 KiB) every write would answer "wait" and the source would
 * stop and start for each chunk.
 */
const WRITE_BUFFER_BYTES = 131_072

/** Bytes on the far side of the receive window, already granted again. */
const READ_BUFFER_BYTES = 16_384

type Callback = (error?: Error | null) => void

export class MuxStream extends Duplex implements ChannelEvents {
  readonly #channel: Channel
  readonly #wake: (bytes: number) => void
  readonly #queue = new ReceiveQueue()
  #isWanted = false
  #whenSent: Callback | undefined

  /** `wake` tells the link that the core has something to write: about so many bytes. */
  constructor(channel: Channel, wake: (bytes: number) => void) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark: READ_BUFFER_BYTES,
      writableHighWaterMark: WRITE_BUFFER_BYTES,
    })
    this.#channel = channel
    this.#wake = wake
    channel.events = this
    // A reset that comes before its owner listens must not end the process; the owner sees 'close'
    // and `errored`.
    this.on('error', ignore)
  }

  setPriority(priority: StreamPriority): void {
    this.#channel.priority = priority
  }

  handleData(bytes: Buffer): void {
    if (this.#isWanted && this.#queue.bytes === 0) this.#deliver(bytes)
    else this.#queue.push(bytes)
  }

  handleEnd(): void {
    if (this.#queue.bytes === 0) this.push(null)
  }

  handleFailure(error: TunnelError): void {
    this.destroy(error)
  }

  handleSent(): void {
    const callback = this.#whenSent
    this.#whenSent = undefined
    callback?.()
  }

  override _read(): void {
    this.#isWanted = true
    while (this.#isWanted) {
      const bytes = this.#queue.shift()
      if (!bytes) return
      this.#deliver(bytes)
      if (this.#channel.hasReceivedEnd && this.#queue.bytes === 0) this.push(null)
    }
    this.#wake(0)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send([chunk], chunk.length, callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    const buffers = chunks.map(({ chunk }) => chunk)
    this.#send(buffers, this.writableLength, callback)
  }

  override _final(callback: Callback): void {
    if (this.#channel.isReleased) return callback(gone())
    this.#whenSent = callback
    this.#channel.end()
    this.#wake(0)
  }

  override _destroy(error: Error | null, callback: Callback): void {
    const whenSent = this.#whenSent
    this.#whenSent = undefined
    this.#queue.clear()
    this.#channel.abandon()
    this.#wake(0)
    callback(error)
    whenSent?.(error ?? gone())
  }

  #send(chunks: readonly Buffer[], bytes: number, callback: Callback): void {
    if (this.#channel.isReleased) return callback(gone())
    if (bytes === 0) return callback()
    this.#whenSent = callback
    this.#channel.send(chunks)
    this.#wake(bytes)
  }

  #deliver(bytes: Buffer): void {
    this.#channel.consumed(bytes.length)
    this.#isWanted = this.push(bytes)
  }
}

function ignore(): void {}

function gone(): TunnelError {
  return new TunnelError('STREAM_RESET', 'the stream is closed')
}
