// The extra delay of a busy link. It wanders between 0 and a bound: a straight line to a new random
// target every so often. Numbers drawn for each packet would either reorder a dense flow or, with
// the order kept, hold it at the bound. Sans-IO.

import type { Random } from './random.ts'
import type { Milliseconds } from './spec.ts'

/** A radio's scheduler changes its mind about this often. */
const STEP_MS = 10

export class Wander {
  readonly #bound: Milliseconds
  readonly #random: Random
  /** A fall of more than 1 ms in a ms would be an overtaking, hence at least the bound. */
  readonly #stepMs: Milliseconds
  #from = 0
  #to = 0
  #beganAt: Milliseconds = -Infinity

  constructor(bound: Milliseconds, random: Random) {
    this.#bound = bound
    this.#random = random
    this.#stepMs = Math.max(STEP_MS, bound)
  }

  /** Times never go back. */
  at(now: Milliseconds): Milliseconds {
    if (this.#bound === 0) return 0
    const elapsed = now - this.#beganAt
    if (elapsed >= this.#stepMs) this.#turn(now, elapsed)
    const share = Math.min(1, (now - this.#beganAt) / this.#stepMs)
    return this.#from + (this.#to - this.#from) * share
  }

  #turn(now: Milliseconds, elapsed: Milliseconds): void {
    // After a silence of more than a step nothing of the line is left.
    const isOld = elapsed >= 2 * this.#stepMs
    this.#from = isOld ? this.#random() * this.#bound : this.#to
    this.#beganAt = isOld ? now : this.#beganAt + this.#stepMs
    this.#to = this.#random() * this.#bound
  }
}
