// The measured loss and what `udpRedundancy = auto` makes of it. Sans-IO. The receiver counts what
// should have come and what did, and reports both; the sender decides.

/** A report follows at the earliest so long after the one before, in milliseconds. */
export const REPORT_EVERY_MS = 250

/** Packets that weigh in a verdict: half of a minute of a slow game, a few seconds of a crowd. */
const WINDOW_PACKETS = 1_000

/** So many without loss switch the copies off. */
const PROVEN_PACKETS = 500

/**
 * Copies from 0.2 % on, and not below 0.1 %, which is what a game has to get; two packets at least,
 * because one alone says little.
 */
const LOSSY = 0.002
const CLEAN = 0.001
const MIN_LOST = 2

/** What one direction of a session should have brought, and did. Both count on modulo 2^32. */
export class LossCounter {
  expected = 0
  received = 0
  #reported = 0
  #reportAt = 0

  /**
   * A packet came. `ahead` is what DuplicateWindow gave; a copy only tells that another packet is
   * missing.
   */
  handlePacket(ahead: number, isCopy: boolean): void {
    this.expected = (this.expected + ahead) >>> 0
    if (!isCopy) this.received = (this.received + 1) >>> 0
  }

  /** True when it is time to send a report. */
  poll(now: number): boolean {
    if (this.expected === this.#reported || now < this.#reportAt) return false
    this.#reported = this.expected
    this.#reportAt = now + REPORT_EVERY_MS
    return true
  }

  /** Undefined while there is nothing to report. */
  deadline(): number | undefined {
    return this.expected === this.#reported ? undefined : this.#reportAt
  }
}

/**
 * Starts with copies: the first seconds of a lossy link count too, and a clean one is known for it
 * within PROVEN_PACKETS. From then on it costs nothing until packets are lost.
 */
export class LossSwitch {
  #isOn = true
  #expected = 0
  #received = 0
  /** Of the window, older ones weighing less. */
  #packets = 0
  #lost = 0
  #dropped = 0

  /** 0 or 1. */
  get copies(): 0 | 1 {
    return this.#isOn ? 1 : 0
  }

  /** Share of the packets that were lost lately, 0 to 1. */
  get loss(): number {
    return this.#packets === 0 ? 0 : this.#lost / this.#packets
  }

  /**
   * Numbers of a peer: anything can stand in them. `dropped` counts on what this side itself has
   * dropped, because the link was full: copies would only fill it more.
   */
  handleReport(expected: number, received: number, dropped: number): void {
    const came = (expected - this.#expected) >>> 0
    const arrived = (received - this.#received) >>> 0
    // Reports can come in any order; an older one would go far back.
    if (came === 0 || came > 0x7fff_ffff) return
    this.#expected = expected
    this.#received = received
    // A late packet makes `arrived` the larger one: it was counted as lost before.
    const missing = Math.max(-this.#lost, came - Math.min(arrived, came * 2))
    const own = Math.min(Math.max(0, missing), dropped - this.#dropped)
    this.#dropped = dropped
    const lost = missing - own
    const keep = Math.max(0, 1 - came / WINDOW_PACKETS)
    this.#packets = this.#packets * keep + came
    this.#lost = this.#lost * keep + lost
    this.#decide()
  }

  #decide(): void {
    if (this.#isOn) {
      if (this.#packets >= PROVEN_PACKETS && this.loss < CLEAN) this.#isOn = false
    } else if (this.#lost >= MIN_LOST && this.loss >= LOSSY) {
      this.#isOn = true
    }
  }
}
