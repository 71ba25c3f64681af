// How many datagrams may go out: a bucket of tokens that refills at a rate. Sans-IO.

export class Pace {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #at: number

  /** The first `burst` go at once. */
  constructor(options: { readonly perSecond: number; readonly burst: number }, now: number) {
    this.#perMs = options.perSecond / 1000
    this.#burst = options.burst
    this.#tokens = options.burst
    this.#at = now
  }

  /** When the next one may go; not later than now: it may go. */
  nextAt(now: number): number {
    this.#refill(now)
    return this.#tokens >= 1 ? now : now + (1 - this.#tokens) / this.#perMs
  }

  take(now: number): void {
    this.#refill(now)
    this.#tokens -= 1
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
  }
}
