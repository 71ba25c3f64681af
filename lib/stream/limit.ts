// The bandwidth limit of a proxy: one token bucket for both directions and all its streams.
// Sans-IO; layers.ts applies it to a stream. frp-surface.md section 4.9.

/** Rate and burst (one second of the rate) of a bucket that starts full. Times in milliseconds. */
export class TokenBucket {
  readonly bytesPerSecond: number
  #tokens: number
  #at: number

  /** `bytesPerSecond` is above 0. */
  constructor(bytesPerSecond: number, now: number) {
    this.bytesPerSecond = bytesPerSecond
    this.#tokens = bytesPerSecond
    this.#at = now
  }

  /** Largest piece that should be taken at once, in bytes; at least 1. */
  get burstBytes(): number {
    return Math.max(1, Math.floor(this.bytesPerSecond))
  }

  /**
   * Takes the bytes and returns how many milliseconds the caller has to wait until they are paid.
   * Waiting callers stand in line: each one's debt comes on top of those before it, whoever they
   * are.
   */
  take(bytes: number, now: number): number {
    const earned = (Math.max(0, now - this.#at) / 1000) * this.bytesPerSecond
    this.#tokens = Math.min(this.bytesPerSecond, this.#tokens + earned)
    this.#at = Math.max(this.#at, now)
    this.#tokens -= bytes
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.bytesPerSecond) * 1000
  }
  /** Takes the bytes if there are as many; for what is dropped rather than delayed. */
  tryTake(bytes: number, now: number): boolean {
    const earned = (Math.max(0, now - this.#at) / 1000) * this.bytesPerSecond
    this.#tokens = Math.min(this.bytesPerSecond, this.#tokens + earned)
    this.#at = Math.max(this.#at, now)
    if (this.#tokens < bytes) return false
    this.#tokens -= bytes
    return true
  }
}
