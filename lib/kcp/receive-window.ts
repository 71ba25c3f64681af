// Sans-IO. What came from the peer: put in order, kept until the reader takes it, and acknowledged.
// Memory is bounded by the window, whatever comes.

import { distance, MAX_SEGMENT_BYTES } from './segment.ts'

/** Bytes in order are copied together, so that a reader gets few pieces. */
const BLOCK_BYTES = 65_536

export class ReceiveWindow {
  readonly #size: number
  /** By number; the next in order and what came before it was due. */
  readonly #early: (Buffer | undefined)[]
  #next = 0
  #block: Buffer | undefined
  #blockStart = 0
  #blockEnd = 0
  readonly #ready: Buffer[] = []
  /** Segments in `#ready` and the block. */
  #unread = 0
  /** Numbers and times, in turns. */
  #acknowledgements: number[] = []

  /** `size` in segments, a power of two. */
  constructor(size: number) {
    this.#size = size
    this.#early = new Array<Buffer | undefined>(size).fill(undefined)
  }

  /** Everything before it has come. */
  get next(): number {
    return this.#next
  }

  /** Segments that the peer may send beyond those. */
  get room(): number {
    return this.#size - this.#unread
  }

  get hasUnread(): boolean {
    return this.#unread > 0
  }

  /** A segment with its bytes, which are lent. */
  handlePush(sn: number, ts: number, bytes: Buffer): void {
    const ahead = distance(sn, this.#next)
    if (ahead >= this.#size) return
    this.#acknowledge(sn, ts)
    if (ahead < 0) return
    if (ahead === 0 && this.room > 0) {
      this.#append(bytes)
      this.#appendEarly()
      return
    }
    const slot = sn & (this.#size - 1)
    this.#early[slot] ??= Buffer.from(bytes)
  }

  /** All that is in order. The pieces are the caller's. */
  take(): Buffer[] {
    const taken: Buffer[] = []
    do {
      this.#closePiece()
      taken.push(...this.#ready.splice(0))
      this.#unread = 0
      // What came while there was no room.
      this.#appendEarly()
    } while (this.#unread > 0)
    return taken
  }

  /**
   * Numbers and times, in turns. Those that `next` covers are left out, but for the last, which
   * gives the peer a round trip.
   */
  takeAcknowledgements(): number[] {
    this.#compact()
    const taken = this.#acknowledgements
    this.#acknowledgements = []
    return taken
  }

  get hasAcknowledgements(): boolean {
    return this.#acknowledgements.length > 0
  }

  #acknowledge(sn: number, ts: number): void {
    // A window of them has been seen, and none was asked for: most are covered.
    if (this.#acknowledgements.length >= 2 * this.#size) this.#compact()
    if (this.#acknowledgements.length < 2 * this.#size) this.#acknowledgements.push(sn, ts)
  }

  #compact(): void {
    const all = this.#acknowledgements
    const last = all.length - 2
    this.#acknowledgements = all.filter((_, index) => {
      const at = index & ~1
      return at === last || distance(all[at] ?? 0, this.#next) >= 0
    })
  }

  #appendEarly(): void {
    for (;;) {
      const slot = this.#next & (this.#size - 1)
      const bytes = this.#early[slot]
      if (bytes === undefined || this.room === 0) return
      this.#early[slot] = undefined
      this.#append(bytes)
    }
  }

  #append(bytes: Buffer): void {
    this.#next = (this.#next + 1) >>> 0
    this.#unread++
    if (this.#block === undefined || this.#blockEnd + bytes.length > BLOCK_BYTES) {
      this.#closePiece()
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      this.#blockStart = this.#blockEnd = 0
    }
    this.#blockEnd += bytes.copy(this.#block, this.#blockEnd)
  }

  #closePiece(): void {
    if (this.#block === undefined || this.#blockEnd === this.#blockStart) return
    this.#ready.push(this.#block.subarray(this.#blockStart, this.#blockEnd))
    this.#blockStart = this.#blockEnd
    if (this.#blockEnd > BLOCK_BYTES - MAX_SEGMENT_BYTES) this.#block = undefined
  }
}
