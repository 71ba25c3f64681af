// Which streams go first. Nobody has to say what is interactive: small writes are, and answered
// ones (a shell, a game's menu, a request) more so; whoever sends on and on is bulk and sinks.
// Sans-IO.

import type { StreamPriority } from '../transport/transport.ts'

/**
 * Bytes that may be sent ahead of bulk, and what comes back of them each millisecond (128 kbit/s)
 * and with each answer of the other side. A screen of text is 2-10 kB.
 */
const CREDIT_BYTES = 16 << 10
const CREDIT_PER_MS = 16
const CREDIT_PER_ANSWER = 2 << 10
/** Eight times that where the user says so: a desktop or a camera at 1 Mbit/s. */
const FORCED_FACTOR = 8

/** The order of service: 0 first. */
export type Rank = 0 | 1 | 2

export class TrafficClass {
  priority: StreamPriority = 'auto'
  #credit = CREDIT_BYTES
  #at: number | undefined

  /** True when `bytes` more may go at once, whatever bulk waits. */
  mayPass(bytes: number, now: number): boolean {
    if (this.priority === 'bulk') return false
    this.#refill(now)
    return bytes <= this.#credit
  }

  rank(now: number): Rank {
    if (this.priority === 'bulk') return 2
    if (this.priority === 'interactive') return 0
    this.#refill(now)
    return this.#credit > 0 ? 0 : 1
  }

  handleSent(bytes: number): void {
    // No deeper than one refill of debt: after a pause bulk may become a dialogue again.
    this.#credit = Math.max(this.#credit - bytes, -CREDIT_BYTES)
  }

  handleAnswer(): void {
    this.#credit = Math.min(this.#limit, this.#credit + CREDIT_PER_ANSWER)
  }

  get #factor(): number {
    return this.priority === 'interactive' ? FORCED_FACTOR : 1
  }

  get #limit(): number {
    return CREDIT_BYTES * this.#factor
  }

  #refill(now: number): void {
    const elapsed = now - (this.#at ?? now)
    this.#at = now
    this.#credit = Math.min(this.#limit, this.#credit + elapsed * CREDIT_PER_MS * this.#factor)
  }
}
