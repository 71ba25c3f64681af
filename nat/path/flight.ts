// Changes of a network come in flights (an interface, its addresses, its route): the first one
// counts at once, those that follow it closely are one more. Sans-IO.

const SPACING_MS = 500

export class Flight {
  #isPending = false
  #lastAt = Number.NEGATIVE_INFINITY

  handleChange(): void {
    this.#isPending = true
  }

  /** True when something is to be done about it. */
  poll(now: number): boolean {
    if (now < this.deadline()) return false
    this.#isPending = false
    this.#lastAt = now
    return true
  }

  deadline(): number {
    return this.#isPending ? this.#lastAt + SPACING_MS : Number.POSITIVE_INFINITY
  }
}
