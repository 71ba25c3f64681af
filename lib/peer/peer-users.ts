// The streams of one peer connection's users: how many there are, and whether they say something.

import type { TunnelError } from '../errors.ts'
import type { Stream } from '../transport/transport.ts'

export class PeerUsers {
  /** The last one has left. */
  onIdle: (() => void) | undefined
  readonly #streams = new Set<Stream>()
  #hasPackets = false
  /** Of all, when they were last counted. */
  #bytes = 0

  get size(): number {
    return this.#streams.size
  }

  /** `packets`: the stream stands for packets that do not pass it. */
  add(stream: Stream, kind: 'bytes' | 'packets'): void {
    this.#streams.add(stream)
    if (kind === 'packets') this.#hasPackets = true
    stream.once('close', () => {
      this.#streams.delete(stream)
      if (this.#streams.size === 0) this.onIdle?.()
    })
  }

  drop(error: TunnelError): void {
    for (const stream of [...this.#streams]) stream.destroy(error)
  }

  /** Since the last call. Of packets nothing is known: they count as progress. */
  takeProgress(): boolean {
    if (this.#streams.size === 0 || this.#hasPackets) return this.#streams.size > 0
    let bytes = 0
    for (const { bytesRead = 0, bytesWritten = 0 } of this.#streams) {
      bytes += bytesRead + bytesWritten
    }
    const hasProgress = bytes !== this.#bytes
    this.#bytes = bytes
    return hasProgress
  }
}
