// So many a second for each key, and some at once: token buckets, of which only those that are not
// full are kept. Sans-IO.

export interface Rate {
  readonly perSecond: number
  /** Most at once. */
  readonly burst: number
}

interface Bucket {
  left: number
  at: number
}

/** Keys of strangers; the oldest is forgotten, and so has a full bucket again. */
const MAX_KEYS = 16_384

export class RateLimit {
  readonly #rate: Rate
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** True when there was one left for this key. Times in milliseconds. */
  take(key: string, now: number): boolean {
    const { perSecond, burst } = this.#rate
    const bucket = this.#buckets.get(key) ?? { left: burst, at: now }
    bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) * perSecond) / 1000)
    bucket.at = now
    const isTaken = bucket.left >= 1
    if (isTaken) bucket.left--
    // Last in the map are those that asked last.
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > MAX_KEYS) this.#forget()
    return isTaken
  }

  #forget(): void {
    const oldest = this.#buckets.keys().next()
    if (!oldest.done) this.#buckets.delete(oldest.value)
  }
}
