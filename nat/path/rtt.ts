// How long an answer takes on a route, and how long one waits for it (RFC 9002 §5.3, §6.2.1).
// Sans-IO.

/** RFC 9000 §18.2: a peer may hold an acknowledgement so long. */
const MAX_ACK_DELAY_MS = 25
/** Below that a spread of the samples says nothing: timers are late by so much. */
const MIN_SPREAD_MS = 10
/** Before the first sample: two times the 250 ms that hardly a path exceeds. */
const UNKNOWN_PTO_MS = 500
/** Longer ones are a peer's clock gone wrong, or a packet that a queue kept. */
const MAX_SAMPLE_MS = 10_000

export class RttEstimate {
  #smoothedMs: number | undefined
  #spreadMs = 0

  get smoothedMs(): number | undefined {
    return this.#smoothedMs
  }

  /** When an acknowledgement that did not come is late. */
  get ptoMs(): number {
    if (this.#smoothedMs === undefined) return UNKNOWN_PTO_MS
    return this.#smoothedMs + Math.max(4 * this.#spreadMs, MIN_SPREAD_MS) + MAX_ACK_DELAY_MS
  }

  /** Samples that no clock gives are ignored. */
  add(sampleMs: number): void {
    if (!(sampleMs >= 0 && sampleMs <= MAX_SAMPLE_MS)) return
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = sampleMs
      this.#spreadMs = sampleMs / 2
      return
    }
    this.#spreadMs += (Math.abs(sampleMs - this.#smoothedMs) - this.#spreadMs) / 4
    this.#smoothedMs += (sampleMs - this.#smoothedMs) / 8
  }
}
