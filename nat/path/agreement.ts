// Keeps both ends on the same route: the visitor says what it uses until the owner says that it
// does, too. Hints may be lost, and an owner may have left a route by itself. Sans-IO.

import type { RouteKind } from './types.ts'

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 30_000
/** Enough for a path that loses half of what it carries. */
const TRIES = 12
/**
 * Two direct routes: both ends may name the same one differently (a NAT within a LAN), so one does
 * not insist.
 */
const TRIES_BETWEEN_DIRECT = 5

export class Agreement {
  /** Both begin on the relay. */
  #own: RouteKind = 'relay'
  #peer: RouteKind = 'relay'
  #tries = 0
  #nextAt = Number.NEGATIVE_INFINITY

  handleSwitch(kind: RouteKind, now: number): void {
    this.#own = kind
    this.#tries = 0
    this.#nextAt = now
  }

  handlePeer(kind: RouteKind, now: number): void {
    if (kind === this.#peer) return
    this.#peer = kind
    // It may just have left our route: time for it to see that the route lives.
    this.#tries = 2
    this.#nextAt = now + this.#delayMs()
  }

  /** True when the peer shall be told. */
  poll(now: number): boolean {
    const at = this.deadline()
    if (at === undefined || now < at) return false
    this.#tries++
    this.#nextAt = now + this.#delayMs()
    return true
  }

  deadline(): number | undefined {
    if (this.#own === this.#peer) return undefined
    const isBetweenDirect = this.#own !== 'relay' && this.#peer !== 'relay'
    if (this.#tries >= (isBetweenDirect ? TRIES_BETWEEN_DIRECT : TRIES)) return undefined
    return this.#nextAt
  }

  #delayMs(): number {
    return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#tries - 1))
  }
}
