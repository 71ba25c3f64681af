// When to punch: at once, then less and less often, and at once again when something changed
// (nat-traversal.md §5.6). Sans-IO.

import type { PunchScope } from './types.ts'

/** From the end of a round to the next one. */
const DELAYS_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000] as const
/** Punching for ever at a short interval gets users flagged (iroh #3463). */
const LAST_DELAY_MS = 300_000
const LAST_SPREAD = 0.2

/** For a path that is better than the direct one in use; as Tailscale and iroh. */
const BETTER_DELAY_MS = 60_000

/** A hard punch takes 11.5 s; a driver that never says that it ended must not stop all others. */
const MAX_ROUND_MS = 20_000
/** A death so long after the last one has nothing to do with it. */
const ACCIDENT_AFTER_MS = 60_000
/** What changes comes in flights (interfaces, addresses): one round serves them all. */
const MIN_SPACING_MS = 500

export interface Round {
  readonly round: number
  readonly scope: PunchScope
  readonly reason: string
}

export interface Wish {
  readonly scope: PunchScope
  /** False: only a round that something new asks for. */
  readonly isTimed: boolean
}

export class PunchRounds {
  readonly #random: () => number
  #round = 0
  #beganAt = Number.NEGATIVE_INFINITY
  #endsAt: number | undefined
  #failures = 0
  /** Deaths of direct paths that followed each other closely. */
  #losses = 0
  #lostAt = Number.NEGATIVE_INFINITY
  /** Not before, unless somebody asks for it. */
  #nextAt: number
  #asked: string | undefined = 'the connection is new'
  #isAfterLoss = false

  constructor({ random }: { readonly random: () => number }, now: number) {
    this.#random = random
    this.#nextAt = now
  }

  get round(): number {
    return this.#round
  }

  isRunning(now: number): boolean {
    return this.#endsAt !== undefined && now < this.#endsAt
  }

  /** Something changed: the next round is due, and the delays begin anew. */
  ask(reason: string): void {
    this.#asked = reason
    this.#failures = 0
    this.#losses = 0
  }

  /** There is a direct path. A new one after a loss: an address changed, and nothing flaps. */
  handleFound({ isNew }: { readonly isNew: boolean }, now: number): void {
    if (isNew) this.#losses = 0
    this.#nextAt = Math.max(this.#nextAt, now + BETTER_DELAY_MS)
  }

  /** A direct path dies: a round at once, and later where that happens again and again. */
  handleLoss(now: number): void {
    if (now - this.#lostAt >= ACCIDENT_AFTER_MS) this.#losses = 0
    this.#lostAt = now
    this.#failures = this.#losses
    this.#endsAt = undefined
    this.#nextAt = this.#losses === 0 ? now : now + (DELAYS_MS[this.#losses - 1] ?? LAST_DELAY_MS)
    this.#losses++
    this.#isAfterLoss = true
  }

  /** The round ended. One that opened nothing makes the next one later. */
  handleEnd(
    { isOpen, isHopeless }: { readonly isOpen: boolean; readonly isHopeless: boolean },
    now: number,
  ): void {
    this.#endsAt = undefined
    if (isOpen) {
      this.handleFound({ isNew: false }, now)
      return
    }
    if (isHopeless) this.#failures = DELAYS_MS.length
    this.#nextAt = now + this.#delayMs()
    this.#failures++
  }

  poll(wish: Wish, now: number): Round | undefined {
    if (this.#endsAt !== undefined && now >= this.#endsAt) {
      this.handleEnd({ isOpen: wish.scope === 'plain', isHopeless: false }, this.#endsAt)
    }
    const at = this.#dueAt(wish)
    if (at === undefined || now < at) return undefined
    const { scope } = wish
    const again = this.#isAfterLoss ? 'the direct path is silent' : 'another try is due'
    const timed = scope === 'full' ? again : 'there may be a better path'
    const reason = this.#asked ?? timed
    this.#isAfterLoss = false
    this.#asked = undefined
    this.#beganAt = now
    this.#endsAt = now + MAX_ROUND_MS
    this.#round++
    return { round: this.#round, scope, reason }
  }

  deadline(wish: Wish): number | undefined {
    const at = this.#dueAt(wish)
    if (this.#endsAt === undefined) return at
    return at === undefined ? this.#endsAt : Math.min(at, this.#endsAt)
  }

  #dueAt({ isTimed }: Wish): number | undefined {
    if (this.#asked !== undefined) return this.#beganAt + MIN_SPACING_MS
    return isTimed && this.#endsAt === undefined ? this.#nextAt : undefined
  }

  #delayMs(): number {
    const delayMs = DELAYS_MS[this.#failures]
    if (delayMs !== undefined) return delayMs
    return LAST_DELAY_MS * (1 - LAST_SPREAD + 2 * LAST_SPREAD * this.#random())
  }
}
