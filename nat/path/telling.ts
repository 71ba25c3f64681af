// Hints that matter are told more than once: they go outside of QUIC's order and may be lost.
// Sans-IO.

import type { Hint } from './types.ts'

const SPACING_MS = 150

export class Telling {
  #hints: { readonly hint: Hint; readonly at: number }[] = []

  /** So many times, the first one at once. Takes the place of what it repeats. */
  tell(hint: Hint, times: number, now: number): void {
    this.forget(hint.type)
    for (let time = 0; time < times; time++) this.#hints.push({ hint, at: now + time * SPACING_MS })
  }

  forget(type: Hint['type']): void {
    this.#hints = this.#hints.filter(({ hint }) => hint.type !== type)
  }

  poll(now: number): Hint | undefined {
    const index = this.#hints.findIndex(({ at }) => at <= now)
    return index < 0 ? undefined : this.#hints.splice(index, 1)[0]?.hint
  }

  deadline(): number {
    return this.#hints.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY)
  }
}
