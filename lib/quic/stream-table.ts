// The bidirectional streams of one connection: opened by either side, served while the peer's bytes
// come, forgotten when both directions are over.

import { UNIDIRECTIONAL } from './notice-channel.ts'
import type { Connection } from './quiche-types.ts'
import { RecentReaders } from './recent-readers.ts'
import { StreamIds } from './stream-ids.ts'
import { QuicStream, type StreamHost } from './stream.ts'

/** What the table needs of its connection. */
export interface StreamTableHost extends StreamHost {
  readonly isOver: boolean
  /** The peer has opened it; it may have been destroyed since. */
  handleAccepted(stream: QuicStream): void
  /** A unidirectional stream has bytes. */
  handleUnidirectional(id: number): void
}

export class StreamTable {
  readonly #native: Connection
  readonly #host: StreamTableHost
  readonly #ids: StreamIds
  readonly #streams = new Map<number, QuicStream>()
  readonly #readers: RecentReaders

  constructor(native: Connection, role: 'client' | 'server', host: StreamTableHost) {
    this.#native = native
    this.#host = host
    this.#ids = new StreamIds(role)
    this.#readers = new RecentReaders(native)
  }

  open(): QuicStream {
    return this.#add(this.#ids.take())
  }

  get(id: number): QuicStream | undefined {
    return this.#streams.get(id)
  }

  /** True for an id that the peer has not used yet. */
  isToCome(id: number): boolean {
    return this.#ids.isToCome(id)
  }

  /** Lets all streams that have bytes take them; new ones are accepted. */
  serveReadable(): void {
    this.#readers.serve()
    if (this.#host.isOver || !this.#native.isReadable()) return
    for (const id of this.#native.readable()) {
      if (id & UNIDIRECTIONAL) {
        this.#host.handleUnidirectional(id)
        continue
      }
      const stream = this.#streams.get(id) ?? this.#accept(id)
      if (!stream) continue
      this.#readers.remember(stream)
      stream.pull()
    }
  }

  forget(stream: QuicStream): void {
    this.#readers.forget(stream)
    this.#streams.delete(stream.id)
  }

  /** The connection is over. */
  destroyAll(error: Error): void {
    for (const stream of [...this.#streams.values()]) stream.destroy(error)
    this.#streams.clear()
  }

  #accept(id: number): QuicStream | undefined {
    // Of streams that are over on our side quiche still reports the last frames.
    if (!this.#ids.accept(id)) return undefined
    const stream = this.#add(id)
    this.#host.handleAccepted(stream)
    return stream.destroyed ? undefined : stream
  }

  #add(id: number): QuicStream {
    const stream = new QuicStream(id, this.#host)
    this.#streams.set(id, stream)
    return stream
  }
}
