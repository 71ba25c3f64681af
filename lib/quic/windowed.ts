// The least and the largest of what was seen lately. Sans-IO.

/**
 * The least value of the last 10-20 s. bbr empties the queue every 10 s, so that a standing queue
 * is not taken for the path.
 */
export class WindowedMinimum {
  #current = Number.POSITIVE_INFINITY
  #previous = Number.POSITIVE_INFINITY
  #turnsAt = Number.NEGATIVE_INFINITY

  get value(): number {
    return Math.min(this.#current, this.#previous)
  }

  add(now: number, value: number): void {
    if (now >= this.#turnsAt) {
      this.#previous = this.#current
      this.#current = Number.POSITIVE_INFINITY
      this.#turnsAt = now + 10_000
    }
    this.#current = Math.min(this.#current, value)
  }
}

/** The largest value of the last one to two spans. */
export class WindowedMaximum {
  #current = 0
  #previous = 0
  #turnsAt = Number.NEGATIVE_INFINITY

  get value(): number {
    return Math.max(this.#current, this.#previous)
  }

  add(now: number, value: number, spanMs: number): void {
    if (now >= this.#turnsAt) {
      this.#previous = this.#current
      this.#current = 0
      this.#turnsAt = now + spanMs / 2
    }
    this.#current = Math.max(this.#current, value)
  }
}
