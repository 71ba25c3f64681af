// Which bidirectional stream ids of a connection are used (RFC 9000 section 2.1): ours are given
// out in order, the peer's may appear out of order, each once. Sans-IO.

/** Ids of one side and kind are this far apart. */
const STEP = 4

export class StreamIds {
  #next: number
  #nextOfPeer: number
  /** Ids of the peer below `#nextOfPeer` that no frame has named yet. */
  readonly #skipped = new Set<number>()

  constructor(role: 'client' | 'server') {
    this.#next = role === 'client' ? 0 : 1
    this.#nextOfPeer = role === 'client' ? 1 : 0
  }

  /** An id for a stream that we open. */
  take(): number {
    const id = this.#next
    this.#next += STEP
    return id
  }

  /** True when the peer opens `id` now; false for an id of ours or one that was opened before. */
  accept(id: number): boolean {
    if (id % STEP === this.#next % STEP) return false
    if (id < this.#nextOfPeer) return this.#skipped.delete(id)
    for (let skipped = this.#nextOfPeer; skipped < id; skipped += STEP) this.#skipped.add(skipped)
    this.#nextOfPeer = id + STEP
    return true
  }

  /** True for an id that the peer has not used yet. */
  isToCome(id: number): boolean {
    return id >= this.#nextOfPeer || this.#skipped.has(id)
  }
}
