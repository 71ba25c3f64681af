// The layers on work and visitor streams, in frp's order (frp-wire.md section 1.11):
// wire, limit of the client, AES-CFB, snappy, plain bytes, limit of the server.

import type { Duplex } from 'node:stream'
import { systemClock, type Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'
import { CfbDecryptor, CfbEncryptor } from '../wire/cipher.ts'
import type { TokenBucket } from './limit.ts'
import { SnappyDecoder, SnappyEncoder } from './snappy.ts'
import { WrappedStream, type Layer } from './wrapped.ts'

export interface StreamLimiter {
  /** The one bucket of the proxy. */
  readonly bucket: TokenBucket
  /**
   * `wire`: bytes on the stream count, as limited by a client. `plain`: payload bytes count, as by
   * a server.
   */
  readonly side: 'wire' | 'plain'
}

export interface LayerOptions {
  /** Of deriveKey; undefined for no encryption. */
  readonly encryptionKey?: Buffer | undefined
  readonly compression?: boolean | undefined
  readonly limiter?: StreamLimiter | undefined
  /** For the limiter; the one whose `now` made its bucket. Default the system's. */
  readonly clock?: Clock | undefined
  /**
   * What encryption and compression begin with leaves at once and not with the first byte: a QUIC
   * peer does not see a stream before something came on it. Default false.
   */
  readonly speaksFirst?: boolean | undefined
}

/**
 * The stream of plain bytes over `stream`, which it owns from now on; `stream` itself when there is
 * no layer. Half-close and backpressure go through. What the peer malforms destroys it with
 * PROTOCOL_ERROR.
 */
export function layerStream(stream: Duplex, options: LayerOptions): Duplex {
  const { encryptionKey, compression = false, limiter, clock = systemClock, speaksFirst } = options
  let top = stream
  if (limiter?.side === 'wire') top = limited(top, limiter.bucket, clock)
  if (encryptionKey || compression) {
    const layer = new CodedLayer(encryptionKey, compression)
    if (speaksFirst) top.write(layer.head())
    top = new WrappedStream(top, layer)
  }
  if (limiter?.side === 'plain') top = limited(top, limiter.bucket, clock)
  return top
}

/** Compressed, then encrypted, in one pass. */
class CodedLayer implements Layer {
  readonly pieceBytes = Infinity
  readonly #encryptor: CfbEncryptor | undefined
  readonly #decryptor: CfbDecryptor | undefined
  readonly #encoder: SnappyEncoder | undefined
  readonly #decoder: SnappyDecoder | undefined
  #plain: Buffer | undefined

  constructor(key: Buffer | undefined, compression: boolean) {
    this.#encryptor = key && new CfbEncryptor(key)
    this.#decryptor = key && new CfbDecryptor(key)
    this.#encoder = compression ? new SnappyEncoder() : undefined
    this.#decoder = compression ? new SnappyDecoder() : undefined
  }

  /** What comes before all bytes. */
  head(): Buffer {
    const bytes = this.#encoder?.head()
    if (this.#encryptor === undefined) return bytes ?? Buffer.alloc(0)
    return bytes ? this.#encryptor.update(bytes) : this.#encryptor.head()
  }

  encode(piece: Buffer): Buffer {
    const bytes = this.#encoder ? this.#encoder.encode(piece) : piece
    return this.#encryptor ? this.#encryptor.update(bytes) : bytes
  }

  push(received: Buffer): void {
    const bytes = this.#decryptor ? this.#decryptor.update(received) : received
    if (this.#decoder) this.#decoder.push(bytes)
    else this.#plain = bytes.length === 0 ? undefined : bytes
  }

  decode(): Buffer | undefined {
    if (this.#decoder) return this.#decoder.next()
    const bytes = this.#plain
    this.#plain = undefined
    return bytes
  }

  finish(): void {
    const isCut = this.#decryptor?.isInsideIv || this.#decoder?.isEmpty === false
    if (isCut) throw new TunnelError('PROTOCOL_ERROR', 'the stream ended inside an IV or a chunk')
  }

  delay(): number {
    return 0
  }
}

function limited(stream: Duplex, bucket: TokenBucket, clock: Clock): Duplex {
  return new WrappedStream(stream, new LimitLayer(bucket, clock), clock)
}

/** Splits both directions into pieces of at most one burst and lets each wait for the bucket. */
class LimitLayer implements Layer {
  readonly pieceBytes: number
  readonly #bucket: TokenBucket
  readonly #clock: Clock
  #received: Buffer | undefined

  constructor(bucket: TokenBucket, clock: Clock) {
    this.pieceBytes = bucket.burstBytes
    this.#bucket = bucket
    this.#clock = clock
  }

  encode(piece: Buffer): Buffer {
    return piece
  }

  push(received: Buffer): void {
    this.#received = received.length === 0 ? undefined : received
  }

  decode(): Buffer | undefined {
    const bytes = this.#received
    if (!bytes) return undefined
    this.#received = bytes.length > this.pieceBytes ? bytes.subarray(this.pieceBytes) : undefined
    return bytes.subarray(0, this.pieceBytes)
  }

  finish(): void {}

  delay(bytes: number): number {
    return this.#bucket.take(bytes, this.#clock.now())
  }
}
