// The numbers of the flows that one end of a session opens. Sans-IO. Small ones first, because they
// are a byte long up to 127; one that was given back rests for a while, so that a late packet of
// the old flow cannot reach the new one's user.

import { MAX_NUMBER } from './header.ts'

/** Far longer than a packet can be under way. Milliseconds. */
const REST_MS = 30_000

export class FlowIds {
  #next = 0
  /** In order of release, from `#head` on. */
  #resting: { readonly id: number; readonly since: number }[] = []
  #head = 0

  /** Undefined when all 2,097,152 are in use or rest. */
  take(now: number): number | undefined {
    const oldest = this.#resting[this.#head]
    if (oldest !== undefined && now - oldest.since >= REST_MS) {
      this.#head++
      if (this.#head > 1_024 && this.#head * 2 > this.#resting.length) {
        this.#resting = this.#resting.slice(this.#head)
        this.#head = 0
      }
      return oldest.id
    }
    return this.#next < MAX_NUMBER ? this.#next++ : undefined
  }

  release(id: number, now: number): void {
    this.#resting.push({ id, since: now })
  }
}
