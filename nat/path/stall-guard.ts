// A busy machine fires the timers of a second before it reads the packets of that second, and every
// route looks silent. Who was not asked when he wanted to be gives the packets a moment. Sans-IO.

const MAX_LATE_MS = 50
const GRACE_MS = 30

export class StallGuard {
  #wantedAt = Number.POSITIVE_INFINITY
  #graceUntil = Number.NEGATIVE_INFINITY
  /** One moment for each silence: a machine that is always late must get its verdicts, too. */
  #isSpent = false

  /** When the driver shall come next. */
  handleDeadline(at: number): void {
    this.#wantedAt = at
  }

  handleInbound(): void {
    this.#isSpent = false
  }

  /** True while silence means nothing. */
  poll(now: number): boolean {
    if (now - this.#wantedAt > MAX_LATE_MS && !this.#isSpent) {
      this.#isSpent = true
      this.#graceUntil = now + GRACE_MS
    }
    this.#wantedAt = Number.POSITIVE_INFINITY
    return now < this.#graceUntil
  }

  /** The end of that moment. */
  deadline(now: number): number | undefined {
    return now < this.#graceUntil ? this.#graceUntil : undefined
  }
}
