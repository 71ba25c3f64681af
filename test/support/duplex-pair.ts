// Two Duplexes, joined: what is written to one is read from the other. A write is taken when the
// other side wanted more.

import { Duplex } from 'node:stream'

export interface DuplexPairOptions {
  /** Cuts everything into pieces of this size. Default: as written. */
  readonly pieceBytes?: number
  readonly highWaterMark?: number
}

class End extends Duplex {
  peer: End | undefined
  readonly #pieceBytes: number
  #onRead: (() => void) | undefined

  constructor({ pieceBytes = Infinity, highWaterMark = 16_384 }: DuplexPairOptions) {
    super({ allowHalfOpen: true, highWaterMark })
    this.#pieceBytes = pieceBytes
  }

  override _read(): void {
    const onRead = this.#onRead
    this.#onRead = undefined
    onRead?.()
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    const { peer } = this
    if (!peer || peer.destroyed) return callback(new Error('the other end is gone'))
    let hasRoom = true
    for (let at = 0; at < chunk.length; at += this.#pieceBytes) {
      hasRoom = peer.push(chunk.subarray(at, at + this.#pieceBytes))
    }
    if (hasRoom) callback()
    else peer.#onRead = callback
  }

  override _final(callback: (error?: Error) => void): void {
    this.peer?.push(null)
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { peer } = this
    this.peer = undefined
    if (peer && !(this.readableEnded && this.writableFinished)) {
      process.nextTick(() => peer.destroy())
    }
    callback(error)
  }
}

/** The two ends. Destroying one before both directions ended destroys the other. */
export function duplexPair(options: DuplexPairOptions = {}): [Duplex, Duplex] {
  const a = new End(options)
  const b = new End(options)
  a.peer = b
  b.peer = a
  return [a, b]
}
