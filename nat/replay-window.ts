// Which counters of a peer have been seen: each is taken once, and late ones within a window (as
// RFC 4303 §3.4.3 does it). Sans-IO.

/**
 * Counters that a late one may be behind. 200 probes a second that take ways of different lengths
 * are in the order of a hundred apart.
 */
const WINDOW = 4096

export class ReplayWindow {
  /** A bit for each counter, by its remainder. */
  readonly #seen = new Uint32Array(WINDOW / 32)
  #highest = 0

  /** True the first time. Counters begin at 1; what is too old was seen, for all we know. */
  take(counter: number): boolean {
    if (counter <= this.#highest - WINDOW || counter < 1) return false
    if (counter > this.#highest) this.#advance(counter)
    const bit = counter % WINDOW
    const word = this.#seen[bit >>> 5] ?? 0
    const mask = 1 << (bit & 31)
    if (word & mask) return false
    this.#seen[bit >>> 5] = word | mask
    return true
  }

  #advance(to: number): void {
    if (to - this.#highest >= WINDOW) this.#seen.fill(0)
    else for (let next = this.#highest + 1; next <= to; next++) this.#forget(next % WINDOW)
    this.#highest = to
  }

  #forget(bit: number): void {
    this.#seen[bit >>> 5] = (this.#seen[bit >>> 5] ?? 0) & ~(1 << (bit & 31))
  }
}
