// Carries end notices between two of ours (end-notices.ts says why there are any): one that quiche
// has no room for waits here, and so does one that overtook the first bytes of its stream. Whether
// a stream needs a notice is the connection's decision.

import { EndNoticeReader, encodeEndNotice, type EndNotice } from './end-notices.ts'
import type { Connection } from './quiche-types.ts'
import type { QuicStream } from './stream.ts'

/** What the channel needs of its connection. */
export interface NoticeHost {
  readonly native: Connection
  /** Memory to read into. */
  readonly scratch: Buffer
  /** Something was queued in quiche: flush soon. */
  wake(): void
  /** The stream of this id while it is open. */
  streamOf(id: number): QuicStream | undefined
  /** True while the peer has yet to use this stream. */
  isToCome(id: number): boolean
}

/**
 * RFC 9000 section 2.1: the second bit of a stream id says that it has one direction. Only notices
 * travel on such streams.
 */
export const UNIDIRECTIONAL = 2

/**
 * Notices that may overtake their streams; a stream's first bytes and its end are seldom far apart.
 */
const MAX_EARLY = 1024

const NOTHING: Buffer = Buffer.alloc(0)

export class NoticeChannel {
  readonly #host: NoticeHost
  readonly streamId: number
  readonly #reader = new EndNoticeReader()
  /** Length by stream id. */
  readonly #early = new Map<number, number>()
  #outgoing = NOTHING

  constructor(role: 'client' | 'server', host: NoticeHost) {
    this.#host = host
    this.streamId = UNIDIRECTIONAL + (role === 'client' ? 0 : 1)
  }

  send(notice: EndNotice): void {
    this.#outgoing = Buffer.concat([this.#outgoing, encodeEndNotice(notice)])
    this.sendWaiting()
  }

  /** Hands quiche what it had no room for. */
  sendWaiting(): void {
    if (this.#outgoing.length === 0) return
    try {
      const taken = this.#host.native.streamSend(this.streamId, this.#outgoing, false) ?? 0
      this.#outgoing = this.#outgoing.subarray(taken)
      if (taken > 0) this.#host.wake()
    } catch {
      // The peer stopped the stream or the connection is ending: nobody waits for notices then.
      this.#outgoing = NOTHING
    }
  }

  /** Reads the peer's notices from its stream `id`. */
  receive(id: number): void {
    const { native } = this.#host
    for (;;) {
      let received: [number, boolean] | null
      try {
        received = native.streamRecv(id, this.#host.scratch)
      } catch {
        // Reset by the peer: no notices then, only FINs.
        return
      }
      if (received === null || received[0] === 0) return
      const piece = this.#host.scratch.subarray(0, received[0])
      for (const notice of this.#reader.push(piece)) this.#deliver(notice)
    }
  }

  #deliver({ streamId, length }: EndNotice): void {
    const stream = this.#host.streamOf(streamId)
    if (stream) {
      stream.announceEnd(length)
      return
    }
    // Those of streams that are over are of no use to anybody.
    const isEarly = this.#host.isToCome(streamId)
    if (isEarly && this.#early.size < MAX_EARLY) this.#early.set(streamId, length)
  }

  /** The stream has come: tells it what was said of it before. */
  deliverEarly(stream: QuicStream): void {
    const length = this.#early.get(stream.id)
    if (length === undefined) return
    this.#early.delete(stream.id)
    stream.announceEnd(length)
  }
}
