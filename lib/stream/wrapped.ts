// A stream over another one, with a layer in between: the Node part that all layers share. Decides
// about backpressure, half-close and failure; what happens to the bytes is the layer's business.

import { Duplex } from 'node:stream'
import { systemClock, type Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'

// Fills a whole snappy block, and is what the transports hand over at most.
const HIGH_WATER_MARK = 65_536

/**
 * What is done with the bytes. Both directions are independent; any call may throw a TunnelError.
 */
export interface Layer {
  /** Longest piece that goes through `encode` at once, in bytes. */
  readonly pieceBytes: number
  /** The bytes to send for a piece; can be empty. */
  encode(piece: Buffer): Buffer
  /** What goes out last, before the end of our direction; nothing when it is not there. */
  ending?(): Buffer
  /** Takes received bytes; only when `decode` has given undefined for all before. */
  push(received: Buffer): void
  /** The next bytes to deliver, never empty; undefined when more input is needed. */
  decode(): Buffer | undefined
  /** The lower stream ended and `decode` gave undefined. Throws when that cuts something. */
  finish(): void
  /**
   * How long a piece waits before it is sent, or received bytes before they are delivered;
   * milliseconds.
   */
  delay(bytes: number): number
}

/**
 * Owns `lower`. A write is taken when the lower stream took it; the lower stream is read while the
 * reader wants more, and at most one of its chunks is held. `end()` ends the lower stream, its end
 * is our end after all data. An error on either side destroys both.
 */
export class WrappedStream extends Duplex {
  readonly #lower: Duplex
  readonly #layer: Layer
  readonly #clock: Clock
  #isReading = false
  #isWanted = false
  #isDelivering = false
  #hasInputEnded = false
  #hasOutputEnded = false
  #held: Buffer | undefined
  #onDrained: (() => void) | undefined
  #cancelSend: (() => void) | undefined
  #cancelDelivery: (() => void) | undefined

  constructor(lower: Duplex, layer: Layer, clock: Clock = systemClock) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK })
    this.#lower = lower
    this.#layer = layer
    this.#clock = clock
    lower.on('drain', this.#onLowerDrain)
    lower.on('error', this.#onLowerError)
    lower.on('close', this.#onLowerClose)
    lower.on('end', this.#onLowerEnd)
    if (lower.readableEnded) this.#hasInputEnded = true
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#send(chunk, callback)
  }

  // What piled up behind a slow lower stream goes on in one piece: fuller blocks, fewer calls.
  override _writev(chunks: { chunk: Buffer }[], callback: WriteCallback): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback)
  }

  override _final(callback: WriteCallback): void {
    if (this.#lower.destroyed) return callback(lost())
    const last = this.#layer.ending?.()
    if (last !== undefined) this.#lower.write(last)
    // The types leave out the error that Node hands over when the stream is destroyed before it
    // finished.
    this.#lower.end((error?: Error | null) => {
      this.#hasOutputEnded = !error
      callback(error)
    })
  }

  override _read(): void {
    this.#isWanted = true
    this.#deliver()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#cancelSend?.()
    this.#cancelDelivery?.()
    this.#held = undefined
    const lower = this.#lower
    // A lower stream that ended both ways in order destroys itself when it is through.
    if (error || !lower.readableEnded || !lower.writableFinished) lower.destroy(error ?? undefined)
    callback(error)
  }

  #send(bytes: Buffer, callback: WriteCallback): void {
    if (bytes.length <= this.#layer.pieceBytes) return this.#sendPiece(bytes, callback)
    const piece = bytes.subarray(0, this.#layer.pieceBytes)
    const rest = bytes.subarray(this.#layer.pieceBytes)
    this.#sendPiece(piece, error => {
      if (error) callback(error)
      else this.#send(rest, callback)
    })
  }

  #sendPiece(piece: Buffer, callback: WriteCallback): void {
    const delayMs = this.#layer.delay(piece.length)
    if (delayMs <= 0) return this.#forward(piece, callback)
    this.#cancelSend = this.#clock.after(delayMs, () => this.#forward(piece, callback))
  }

  #forward(piece: Buffer, callback: WriteCallback): void {
    const lower = this.#lower
    if (lower.destroyed) return callback(lost())
    const bytes = this.#layer.encode(piece)
    if (bytes.length === 0 || lower.write(bytes)) callback()
    else this.#onDrained = callback
  }

  readonly #onLowerDrain = (): void => {
    const continueWriting = this.#onDrained
    this.#onDrained = undefined
    continueWriting?.()
  }

  readonly #onLowerError = (error: Error): void => {
    this.destroy(error)
  }

  // What came before an end in order is still delivered, even when nothing can be sent any more.
  readonly #onLowerClose = (): void => {
    if (this.#hasOutputEnded && this.#hasInputEnded) return
    if (!this.#hasInputEnded || this.readableEnded) this.destroy(lost())
    else this.once('end', () => this.destroy(lost()))
  }

  readonly #onLowerEnd = (): void => {
    this.#hasInputEnded = true
    this.#deliver()
  }

  readonly #onLowerData = (chunk: Buffer): void => {
    try {
      this.#layer.push(chunk)
    } catch (error) {
      this.destroy(error instanceof Error ? error : lost())
      return
    }
    this.#deliver()
  }

  #deliver(): void {
    // A push can ask for more at once; that call finds the loop running.
    if (this.#isDelivering || this.destroyed) return
    this.#isDelivering = true
    try {
      while (this.#isWanted && !this.#cancelDelivery) {
        const bytes = this.#held ?? this.#layer.decode()
        if (bytes === undefined) {
          this.#wantInput()
          return
        }
        if (this.#held === undefined && this.#isDelayed(bytes)) break
        this.#held = undefined
        this.#isWanted = this.push(bytes)
      }
      this.#lower.pause()
    } catch (error) {
      this.destroy(error instanceof Error ? error : lost())
    } finally {
      this.#isDelivering = false
    }
  }

  #isDelayed(bytes: Buffer): boolean {
    const delayMs = this.#layer.delay(bytes.length)
    if (delayMs <= 0) return false
    this.#held = bytes
    this.#cancelDelivery = this.#clock.after(delayMs, () => {
      this.#cancelDelivery = undefined
      this.#deliver()
    })
    return true
  }

  #wantInput(): void {
    if (this.#hasInputEnded) {
      this.#isWanted = false
      this.#layer.finish()
      this.push(null)
    } else {
      if (!this.#isReading) this.#lower.on('data', this.#onLowerData)
      this.#isReading = true
      // A listener alone does not wake a stream that was paused before it.
      this.#lower.resume()
    }
  }
}

type WriteCallback = (error?: Error | null) => void

function lost(): TunnelError {
  return new TunnelError('STREAM_RESET', 'the stream below was closed')
}
