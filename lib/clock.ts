// Time as a dependency: machines are given `now`; shells take a Clock so that tests can turn the
// hands.

/** Monotonic time in milliseconds and one-shot timers. */
export interface Clock {
  now(): number
  /**
   * Calls back once after `delayMs`; the returned function cancels. Does not keep the process
   * alive.
   */
  after(delayMs: number, callback: () => void): () => void
}

/** 24.8 days: Node fires a longer timer at once, and a configured time-out may well be longer. */
export const MAX_DELAY_MS = 0x7fff_ffff

/** Delays beyond 24.8 days are cut to that. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(MAX_DELAY_MS, Math.max(0, Math.ceil(delayMs))))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** A clock for tests: time stands still until `advance`. */
export class ManualClock implements Clock {
  #now = 0
  #timers: { at: number; callback: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, delayMs), callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }

  /** Moves time forward, firing each due timer at its own instant, in order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers.reduce<{ at: number; callback: () => void } | undefined>(
        (best, timer) => (timer.at <= end && (!best || timer.at < best.at) ? timer : best),
        undefined,
      )
      if (!next) break
      this.#timers = this.#timers.filter(timer => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = end
  }
}
