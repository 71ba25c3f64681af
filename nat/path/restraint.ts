// Keeps a connection from flapping: who lost a direct path waits before it is used again, and moves
// between direct paths get rarer. Both waits double, and end with a new network. Sans-IO.

/** A rebinding is over by then; M16 wants a direct path again within 3 s. */
const FIRST_HOLD_MS = 500
const MAX_HOLD_MS = 60_000
/** A path that carried so long was a good one: its loss begins a new count. */
const GOOD_AFTER_MS = 60_000

const FIRST_STAY_MS = 1000
const MAX_STAY_MS = 60_000
const MOVES_FORGOTTEN_AFTER_MS = 300_000

export class Restraint {
  #losses = 0
  #lostAt = Number.NEGATIVE_INFINITY
  #holdUntil = Number.NEGATIVE_INFINITY
  #moves = 0
  #movedAt = Number.NEGATIVE_INFINITY
  #stayUntil = Number.NEGATIVE_INFINITY

  /**
   * From when on a direct path may be chosen. One that was found since the loss does not flap: it
   * is what a new mapping gives, and only the shortest wait holds it.
   */
  holdUntil(foundAt: number): number {
    return foundAt > this.#lostAt ? this.#lostAt + FIRST_HOLD_MS : this.#holdUntil
  }

  /** From when on a better path may be chosen again. */
  get stayUntil(): number {
    return this.#stayUntil
  }

  handleLoss({ carriedMs }: { readonly carriedMs: number }, now: number): void {
    if (carriedMs >= GOOD_AFTER_MS) this.#losses = 0
    this.#lostAt = now
    this.#holdUntil = now + Math.min(MAX_HOLD_MS, FIRST_HOLD_MS * 2 ** this.#losses)
    this.#losses = Math.min(this.#losses + 1, 16)
    this.#stayUntil = Math.max(this.#stayUntil, now + FIRST_HOLD_MS)
  }

  handleMove(now: number): void {
    if (now - this.#movedAt >= MOVES_FORGOTTEN_AFTER_MS) this.#moves = 0
    this.#movedAt = now
    this.#stayUntil = now + Math.min(MAX_STAY_MS, FIRST_STAY_MS * 2 ** this.#moves)
    this.#moves = Math.min(this.#moves + 1, 16)
  }

  /** Waits that run go on: a network that changes all the time must not make a path flap. */
  handleNewNetwork(): void {
    this.#losses = 0
    this.#moves = 0
  }
}
