// Sans-IO. The round trip, and how long a segment waits for its acknowledgement (RFC 6298 with
// KCP's bounds).

/** A kcp-go peer acknowledges every 20 ms, frp's interval: less says nothing. */
const INTERVAL_MS = 20
const MIN_TIMEOUT_MS = 30
const MAX_TIMEOUT_MS = 60_000
/** Before the first sample. */
const FIRST_TIMEOUT_MS = 200

export class RoundTrip {
  #smoothedMs: number | undefined
  #variationMs = 0
  #timeoutMs = FIRST_TIMEOUT_MS

  /** Undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  handleSample(ms: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms
      this.#variationMs = ms / 2
    } else {
      const difference = ms - this.#smoothedMs
      // A sample that is shorter than usual does not make a longer wait.
      const weight = difference < -this.#variationMs ? 1 / 32 : 1 / 4
      this.#variationMs += (Math.abs(difference) - this.#variationMs) * weight
      this.#smoothedMs += difference / 8
    }
    const wanted = this.#smoothedMs + Math.max(INTERVAL_MS, 4 * this.#variationMs)
    this.#timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, wanted))
  }
}
