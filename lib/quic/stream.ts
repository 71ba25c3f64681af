// One QUIC stream as a Duplex: backpressure and half-close go through QUIC's flow control and FIN.
// quiche holds received bytes until they are asked for, so nothing is buffered here beyond one
// chunk.

import { Duplex } from 'node:stream'
import { errorText, TunnelError } from '../errors.ts'
import { LENT_KEPT, LENT_STOP, type DirectSource } from '../stream/direct.ts'
import { ABORTED } from './end-notices.ts'
import type { Connection } from './quiche-types.ts'
import type { StreamPriority } from '../transport/transport.ts'
import { TrafficClass } from './traffic-class.ts'

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly native: Connection
  /** Memory to read into, replaced by `replaceScratch` when somebody kept it. */
  readonly scratch: Buffer
  replaceScratch(): void
  /** Something was queued in quiche: flush soon. */
  wake(): void
  /** Bytes of `wanted` that the stream may hand to quiche now. */
  allowance(stream: QuicStream, wanted: number): number
  /** quiche took so many. */
  onBytesWritten(stream: QuicStream, count: number): void
  /**
   * The stream has bytes that quiche did not take: call its `flushWrites` when there may be room.
   */
  awaitWindow(stream: QuicStream): void
  /** Bytes were taken out of quiche, so windows may have to be announced. */
  onBytesRead(count: number): void
  /**
   * Sends FIN; false when it cannot go yet, and then `flushWrites` is called again when it may.
   * Throws as quiche does. See end-notices.ts for why this is not just a call of quiche.
   */
  finish(stream: QuicStream): boolean
  /** Calls `stop`, which ends the reading side too, when the FIN of the stream cannot be lost any more. */
  afterFin(streamId: number, stop: () => void): void
  /** To be called before a stream whose FIN was handed over is read. */
  flushFins(): void
  /** Tells a peer of ours that `stream` was reset before its end. */
  announceAbort(stream: QuicStream): void
  /** Counts flushes, so that a stream can tell whether its last bytes have left. */
  readonly flushCount: number
  /** Both directions are over. */
  forget(id: number): void
}

const SHUTDOWN_READ = 0
const SHUTDOWN_WRITE = 1

/** Our application error code for an abort; 0 is frp's ordinary close (frp-wire.md section 1.5). */
const CODE_ABORT = 1

/** Largest piece handed to a reader that keeps it. */
const READ_BYTES = 64 << 10

// One chunk: quiche and the kernel have their own buffers.
const HIGH_WATER_MARK = 64 << 10

export class QuicStream extends Duplex implements DirectSource {
  readonly id: number
  bytesRead = 0
  bytesWritten = 0
  /** When quiche last took bytes, and how many flushes there had been by then. */
  lastSend: { readonly atMs: number; readonly flushCount: number } | undefined
  readonly traffic: TrafficClass = new TrafficClass()
  readonly #host: StreamHost
  #sink: ((chunk: Buffer) => number) | undefined
  #isWanted = false
  #isFinRead = false
  /** quiche itself has given us the FIN; an announced end can come first. */
  #isFinSeen = false
  #endAt: number | undefined
  #isFinSent = false
  #isResetByPeer = false
  /** The peer wants no more bytes: writes wait until the reading side tells how this ends. */
  #isStopped = false
  #pending: Buffer | undefined
  #isFinPending = false
  #onWritten: ((error?: Error) => void) | undefined

  constructor(id: number, host: StreamHost) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK })
    this.id = id
    this.#host = host
    // A peer's reset is news for whoever uses the stream, never an uncaught error of the process.
    this.on('error', () => {})
  }

  setPriority(priority: StreamPriority): void {
    this.traffic.priority = priority
  }

  // ---- reading

  override _read(): void {
    this.#isWanted = true
    this.pull()
  }

  readDirect(sink: (chunk: Buffer) => number): void {
    // No encoding is ever set, so what comes out is bytes.
    const readBuffered = (): Buffer | null => this.read() as Buffer | null
    for (let chunk = readBuffered(); chunk !== null; chunk = readBuffered()) sink(chunk)
    this.#sink = sink
    this.#isWanted = true
    // Flowing, so that the 'end' that push(null) queues is emitted though nothing passes through
    // here.
    this.resume()
    this.pull()
  }

  resumeDirect(): void {
    this.#isWanted = true
    this.pull()
  }

  /**
   * Takes what quiche has for this stream, as far as the reader wants it. Called when the stream is
   * readable.
   */
  pull(): void {
    if (this.#isFinSent) this.#host.flushFins()
    while (this.#isWanted && !this.#isFinRead && !this.destroyed) {
      const sink = this.#sink
      const scratch = this.#host.scratch
      const target = sink ? scratch : scratch.subarray(0, READ_BYTES)
      let received: [number, boolean] | null
      try {
        received = this.#host.native.streamRecv(this.id, target)
      } catch (error) {
        this.#onReset(error)
        return
      }
      if (received === null) {
        this.#endIfAllRead()
        return
      }
      const [count, isFin] = received
      if (count > 0) {
        this.bytesRead += count
        this.traffic.handleAnswer()
        this.#host.onBytesRead(count)
        if (sink) this.#lend(sink, scratch.subarray(0, count))
        else this.#isWanted = this.push(Buffer.from(scratch.subarray(0, count)))
      }
      if (isFin) {
        this.#isFinSeen = true
        this.#onFin()
      } else if (count < target.length) {
        // That was all: asking once more costs as much as taking it did.
        this.#endIfAllRead()
        return
      }
    }
  }

  #onFin(): void {
    this.#isFinRead = true
    this.push(null)
    this.#endIfStopped()
  }

  /** The peer has said on another way that the stream has `length` bytes, or that it is ABORTED. */
  announceEnd(length: number): void {
    if (length === ABORTED) {
      this.destroy(new TunnelError('STREAM_RESET', 'the peer reset the stream'))
      return
    }
    this.#endAt = length
    if (this.#isWanted) this.#endIfAllRead()
  }

  #endIfAllRead(): void {
    if (this.bytesRead === this.#endAt && !this.#isFinRead && !this.destroyed) this.#onFin()
  }

  #lend(sink: (chunk: Buffer) => number, chunk: Buffer): void {
    const answer = sink(chunk)
    if (answer & LENT_KEPT) this.#host.replaceScratch()
    if (answer & LENT_STOP) this.#isWanted = false
  }

  #onReset(error: unknown): void {
    const text = errorText(error)
    // A stream that nobody has written to yet does not exist for quiche.
    if (text.includes('InvalidStreamState') && !this.#isFinSent && this.#isUnborn()) return
    this.#isFinRead = true
    this.#isResetByPeer = true
    const code = /StreamReset\((\d+)\)/.exec(text)?.[1]
    if (code === '0') {
      // frp closes with STOP_SENDING(0), which its quic-go answers with RESET_STREAM(0): an
      // ordinary end.
      this.push(null)
      this.#endIfStopped()
      return
    }
    this.destroy(new TunnelError('STREAM_RESET', `the peer reset the stream (${text})`))
  }

  #isUnborn(): boolean {
    return this.writableLength === 0 && this.#pending === undefined && this.bytesWritten === 0
  }

  // ---- writing

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#pending = chunk
    this.#onWritten = done
    this.flushWrites()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#isFinPending = true
    this.#onWritten = done
    this.flushWrites()
  }

  /**
   * Hands pending bytes to quiche as far as it takes them; what is left is asked for again as soon
   * as the window may have grown.
   */
  flushWrites(): void {
    if (this.#isStopped || this.destroyed) return
    const done = this.#onWritten
    if (!done) return
    try {
      if (this.#pending) {
        const taken = this.#send(this.#pending)
        if (taken > 0) {
          this.bytesWritten += taken
          this.#host.onBytesWritten(this, taken)
          this.lastSend = { atMs: performance.now(), flushCount: this.#host.flushCount }
          this.#host.wake()
        }
        if (taken < this.#pending.length) {
          this.#pending = this.#pending.subarray(taken)
          this.#host.awaitWindow(this)
          return
        }
        this.#pending = undefined
      } else if (this.#isFinPending) {
        if (!this.#host.finish(this)) return
        this.#isFinPending = false
        this.#isFinSent = true
      }
    } catch (error) {
      this.#onStop(error)
      return
    }
    this.#onWritten = undefined
    done()
  }

  #send(pending: Buffer): number {
    const room = this.#host.allowance(this, pending.length)
    if (room <= 0) return 0
    const piece = room < pending.length ? pending.subarray(0, room) : pending
    return this.#host.native.streamSend(this.id, piece, false) ?? 0
  }

  #onStop(error: unknown): void {
    const text = errorText(error)
    this.#isStopped = true
    if (!text.includes('StreamStopped')) {
      this.destroy(new TunnelError('STREAM_RESET', `the stream cannot be written (${text})`))
      return
    }
    // What the peer sent before it stopped us is still delivered; the stream ends with its reading
    // side.
    this.#endIfStopped()
  }

  #endIfStopped(): void {
    if (!this.#isStopped || !this.#isFinRead || this.destroyed) return
    this.destroy(
      this.writableLength > 0 || this.#pending
        ? new TunnelError('STREAM_RESET', 'the peer closed the stream before everything was sent')
        : undefined,
    )
  }

  // ---- the end

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { native } = this.#host
    if (this.#isFinSent) this.#host.flushFins()
    this.#pending = undefined
    this.#onWritten = undefined
    if (!this.#isFinSeen && !this.#takeFin()) {
      const stop = (): void => shutdown(native, this.id, SHUTDOWN_READ)
      if (this.#isFinSent) this.#host.afterFin(this.id, stop)
      else stop()
    }
    if (!this.#isFinSent) {
      shutdown(native, this.id, SHUTDOWN_WRITE)
      // The peer does not know of a stream that nobody has written to.
      if (this.bytesWritten > 0) this.#host.announceAbort(this)
    }
    this.#host.wake()
    this.#host.forget(this.id)
    done(error)
  }

  /**
   * An end that was announced has its FIN on the way; quiche forgets the stream only once it is
   * taken.
   */
  #takeFin(): boolean {
    if (!this.#isFinRead || this.#isResetByPeer) return this.#isResetByPeer
    try {
      return this.#host.native.streamRecv(this.id, this.#host.scratch)?.[1] === true
    } catch {
      return true
    }
  }
}

function shutdown(native: Connection, id: number, direction: number): void {
  try {
    native.streamShutdown(id, direction, CODE_ABORT)
  } catch {
    // Done or InvalidStreamState: that direction is over already, or the stream was never used.
  }
}
