// What benches may take from a server: how many run at once, for how long, with how many streams.
// Sans-IO. A bench sends as fast as the line takes, so that its owner must allow it (allowBench) and
// nobody can leave one running.

/** Benches of a server at once: more would only measure each other. */
const MAX_BENCHES = 4
/** A client's streams at once: a page opens 6, the largest scenario 16. */
const MAX_STREAMS = 64
/** Longest life of a bench: ten minutes are all scenarios with all their rounds. */
const MAX_SECONDS = 600

export type BenchQuotaOutput<O> = {
  /** Its time is up: end it, then say `close`. */
  readonly type: 'expired'
  readonly owner: O
}

export interface BenchGrant {
  readonly seconds: number
  readonly streams: number
}

interface Running {
  readonly endsAt: number
  streams: number
  isExpired: boolean
}

/** `O` is whatever a client is to the driver, compared by identity. Times in milliseconds. */
export class BenchQuota<O> {
  readonly #running = new Map<O, Running>()

  /** A client wants a bench; at most one of it runs. A text is the reason why not. */
  open(owner: O, seconds: number, now: number): BenchGrant | string {
    if (this.#running.has(owner)) return 'a bench of this client runs already'
    if (this.#running.size >= MAX_BENCHES) {
      return `${MAX_BENCHES} benches run on this server already, try again later`
    }
    const granted = Math.min(Math.max(seconds, 1), MAX_SECONDS)
    this.#running.set(owner, { endsAt: now + granted * 1000, streams: 0, isExpired: false })
    return { seconds: granted, streams: MAX_STREAMS }
  }

  /** A stream of a running bench begins. A text is the reason why it must not. */
  openStream(owner: O): string | undefined {
    const running = this.#running.get(owner)
    if (running === undefined || running.isExpired) return 'no bench of this client runs'
    if (running.streams >= MAX_STREAMS) return `a bench has at most ${MAX_STREAMS} streams at once`
    running.streams++
    return undefined
  }

  closeStream(owner: O): void {
    const running = this.#running.get(owner)
    if (running !== undefined) running.streams--
  }

  /** The bench is over, for whatever reason. */
  close(owner: O): void {
    this.#running.delete(owner)
  }

  poll(now: number): BenchQuotaOutput<O> | undefined {
    for (const [owner, running] of this.#running) {
      if (running.isExpired || now < running.endsAt) continue
      running.isExpired = true
      return { type: 'expired', owner }
    }
    return undefined
  }

  deadline(): number | undefined {
    let at = Infinity
    for (const { endsAt, isExpired } of this.#running.values()) {
      if (!isExpired) at = Math.min(at, endsAt)
    }
    return at === Infinity ? undefined : at
  }
}
