// Some providers throttle UDP between two homes so that the relay is faster (frp #4739, #4765). Who
// sees that goes back to the relay for a while (nat-traversal.md §5.7). Sans-IO.

import type { Delivery } from './types.ts'

/** A new congestion window has found its size by then. */
const SETTLED_AFTER_MS = 10_000
const HOLD_MS = 300_000
/** What the relay gave so long ago says nothing of now. */
const RELAY_RATE_VALID_MS = 600_000
const MIN_SHARE = 0.5
const MIN_LOSS = 0.05
/** Reports in a row that must say the same. */
const REPORTS = 3
/** In those reports; one may always happen. */
const MIN_PROBE_TIMEOUTS = 2

export class ThroughputGuard {
  #relayBytesPerSecond = 0
  #relayAt = Number.NEGATIVE_INFINITY
  #since = 0
  #isDirect = false
  #recent: Delivery[] = []
  #holdUntil = Number.NEGATIVE_INFINITY

  /** Until then the relay stays. */
  get holdUntil(): number {
    return this.#holdUntil
  }

  handleSwitch(isDirect: boolean, now: number): void {
    this.#isDirect = isDirect
    this.#since = now
    this.#recent = []
  }

  /** True when the direct path in use shall be left for the relay. */
  handleDelivery(delivery: Delivery, now: number): boolean {
    if (!delivery.isLoaded) return false
    if (!this.#isDirect) {
      const isFirst = now - this.#relayAt > RELAY_RATE_VALID_MS
      const before = isFirst ? delivery.bytesPerSecond : this.#relayBytesPerSecond
      this.#relayBytesPerSecond = (before + delivery.bytesPerSecond) / 2
      this.#relayAt = now
      return false
    }
    if (now - this.#since < SETTLED_AFTER_MS) return false
    if (now - this.#relayAt > RELAY_RATE_VALID_MS) return false
    this.#recent = [...this.#recent, delivery].slice(-REPORTS)
    if (this.#recent.length < REPORTS || !this.#isPoor()) return false
    this.#holdUntil = now + HOLD_MS
    return true
  }

  /** Another network is another provider. */
  handleNewNetwork(): void {
    this.#holdUntil = Number.NEGATIVE_INFINITY
    this.#relayAt = Number.NEGATIVE_INFINITY
    this.#recent = []
  }

  #isPoor(): boolean {
    const enough = this.#relayBytesPerSecond * MIN_SHARE
    if (this.#recent.some(({ bytesPerSecond }) => bytesPerSecond >= enough)) return false
    const sum = (of: (report: Delivery) => number): number =>
      this.#recent.reduce((total, report) => total + of(report), 0)
    const loss = sum(report => report.loss) / REPORTS
    return loss > MIN_LOSS || sum(report => report.probeTimeouts) >= MIN_PROBE_TIMEOUTS
  }
}
