// Small packets on a path that loses some are sent twice. A lost keystroke would wait for a probe
// time-out or for the acknowledgement of the next one (a round trip or more later than the others);
// its second copy comes a few milliseconds after the first. quiche drops the duplicate. Sans-IO.

/** Datagrams up to this size: keystrokes, answers, window updates; never bulk. */
export const SMALL_DATAGRAM_BYTES = 600
/** Losses come in bursts: the copy leaves when a short one may be over. */
export const COPY_DELAY_MS = 6

/**
 * A path that lost something is one that loses for this long. With the copies on, losses are hardly
 * seen any more, so the proof must last: at 30 s keystrokes on 2 % loss met an uncovered one twice
 * a minute.
 */
const LOSSY_MS = 300_000
/** Copies a second: a handful of busy shells. */
const COPIES_PER_SECOND = 200
const COPIES_AT_ONCE = 20

export class SecondCopies {
  #lostBytes = 0
  #lossyUntil = Number.NEGATIVE_INFINITY
  #tokens = COPIES_AT_ONCE
  #filledAt = 0

  /** `lostBytes`: since the connection began. */
  handleLoss(lostBytes: number, now: number): void {
    if (lostBytes > this.#lostBytes) this.#lossyUntil = now + LOSSY_MS
    this.#lostBytes = lostBytes
  }

  /** True when a datagram of `bytes` that matters is to be sent again; counts it. */
  take(bytes: number, now: number): boolean {
    if (now >= this.#lossyUntil || bytes > SMALL_DATAGRAM_BYTES) return false
    const refill = ((now - this.#filledAt) * COPIES_PER_SECOND) / 1000
    this.#tokens = Math.min(COPIES_AT_ONCE, this.#tokens + refill)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
