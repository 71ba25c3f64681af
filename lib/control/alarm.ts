// One timer for the deadline of a machine: the driver sets it after each drain and is called back
// when it is due.

import type { Clock } from '../clock.ts'

export class Alarm {
  readonly #clock: Clock
  readonly #onRing: () => void
  #at: number | undefined
  #cancel: (() => void) | undefined

  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock
    this.#onRing = onRing
  }

  /** The machine's deadline; undefined for none. Replaces what was set before. */
  set(deadline: number | undefined): void {
    if (deadline === this.#at && this.#cancel !== undefined) return
    this.#cancel?.()
    this.#at = deadline
    this.#cancel = undefined
    if (deadline === undefined) return
    this.#cancel = this.#clock.after(deadline - this.#clock.now(), () => {
      this.#cancel = undefined
      this.#at = undefined
      this.#onRing()
    })
  }
}
