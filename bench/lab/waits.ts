// How long the router waits, and for what. A wait that really sleeps ends late, by what the machine
// needs to wake a thread, and costs processor time that the programs under test need: about 17 µs
// each on a virtual machine, for which a packet could be carried twice. So there are two ways:
// exact, which asks for less time and spins the rest, and blind, which collects for a moment and
// then carries what has come and what is due. Exact as long as its cost stays within a share of the
// time, which is so up to some 6,000 packets/s. Sans-IO.

/** Processor time of a sleep and its wake-up, measured with ppoll from 1 to 500 µs. */
const SLEEP_COST_MS = 0.017
/** What waiting may cost, as a share of the time; saved up to SAVED_MS for a burst. */
const COST_SHARE = 0.2
const SAVED_MS = 1
/** A blind wait as asked for. With the late wake-up packets are collected for some 0.1 ms. */
const BLIND_MS = 0.08
/**
 * The kernel wakes a thread late: 20 to 30 µs on a busy machine, 50 to 100 µs where an idle virtual
 * processor must be started first. An exact wait learns by how much, asks for so much less and this
 * margin, and spins the margin away.
 */
const MARGIN_MS = 0.015
const LEARNING = 0.1
/** One wake-up out of the ordinary must not make it spin long. */
const MAX_LATE_MS = 0.15
/** A model that is due but has nothing must not make the thread spin: others would starve. */
const MIN_MS = 0.05
/** So that a stop whose wake-up was lost is seen. */
const MAX_MS = 250

export class Waits {
  #lateMs = 0
  #savedMs = SAVED_MS
  #plannedAt: number
  #waitMs = 0
  #isBlind = false

  constructor(now: number) {
    this.#plannedAt = now
  }

  /** Plans the wait for `deadline` or a packet. 0 means to look at the devices without waiting. */
  plan(now: number, deadline: number): void {
    this.#savedMs = Math.min(SAVED_MS, this.#savedMs + (now - this.#plannedAt) * COST_SHARE)
    this.#plannedAt = now
    this.#isBlind = this.#savedMs <= 0
    if (this.#isBlind) {
      this.#waitMs = BLIND_MS
      return
    }
    const dueMs = deadline - now
    const exactMs = Math.max(0, dueMs - this.#lateMs - MARGIN_MS)
    this.#waitMs = dueMs <= 0 ? MIN_MS : Math.min(MAX_MS, exactMs)
  }

  get waitMs(): number {
    return this.#waitMs
  }

  /** A blind wait does not end when a device has packets; all devices are then to be looked at. */
  get isBlind(): boolean {
    return this.#isBlind
  }

  /** The wait is over, by its time (`isTimeout`) or by a packet. */
  handleEnd(now: number, isTimeout: boolean): void {
    const tookMs = now - this.#plannedAt
    if (this.#waitMs === 0) {
      this.#savedMs -= tookMs
      return
    }
    this.#savedMs -= SLEEP_COST_MS
    if (!isTimeout) return
    const lateMs = Math.min(MAX_LATE_MS, tookMs - this.#waitMs)
    this.#lateMs += (lateMs - this.#lateMs) * LEARNING
  }
}
