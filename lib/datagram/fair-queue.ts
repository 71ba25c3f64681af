// What waits while the link is full. Sans-IO. Each flow has its own line and they take turns, so
// that one busy flow does not delay the others; what is old is dropped, because for a game a late
// packet is worse than none, and a long queue would delay all that follow.

/** Most that may wait, and how long. */
export interface QueueLimits {
  readonly waitMs: number
  readonly datagrams: number
  readonly bytes: number
}

/**
 * 50 ms are three packets of a game at 60/s; 4,096 datagrams a game that sends to 2,000 players at
 * once. 512 KiB are 42 ms at 100 Mbit/s, so that on slower links the age binds first.
 */
export const FAR_LIMITS: QueueLimits = { waitMs: 50, datagrams: 4_096, bytes: 512 << 10 }

/**
 * Where no network queues, what waits is behind a process that is not run; what it missed until
 * then it takes in at once. 2,000 players at 20/s send 10,000 packets in these 250 ms.
 */
export const NEAR_LIMITS: QueueLimits = { waitMs: 250, datagrams: 16_384, bytes: 4 << 20 }

/** Lines that are looked at for the longest one: looking at all would make an overload worse. */
const LOOKED_AT = 16

interface Waiting {
  readonly bytes: Buffer
  readonly since: number
}

interface Line<F> {
  readonly flow: F
  readonly waiting: Waiting[]
}

/** `F` is whatever a flow is to the caller; compared by identity. Times in milliseconds. */
export class FairQueue<F> {
  limits: QueueLimits = FAR_LIMITS
  /** Insertion order is the order of turns; only flows with something to send are here. */
  readonly #lines = new Map<F, Line<F>>()
  #count = 0
  #bytes = 0
  #dropped = 0

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** Datagrams that never left. */
  get dropped(): number {
    return this.#dropped
  }

  /** Takes `bytes` over. */
  push(flow: F, bytes: Buffer, now: number): void {
    let line = this.#lines.get(flow)
    if (line === undefined) {
      line = { flow, waiting: [] }
      this.#lines.set(flow, line)
    }
    line.waiting.push({ bytes, since: now })
    this.#count++
    this.#bytes += bytes.length
    while (this.#count > this.limits.datagrams || this.#bytes > this.limits.bytes) {
      this.#dropFrom(this.#longOne(line))
    }
  }

  /**
   * Gives what waits to `send`, each flow in its turn, until it refuses or nothing is left. What
   * has waited too long is dropped instead.
   */
  serve(now: number, send: (bytes: Buffer) => boolean): void {
    // A line that is set again comes last, so this goes round until all are empty.
    for (const line of this.#lines.values()) {
      for (;;) {
        const next = line.waiting[0]
        if (next === undefined) break
        const isLate = now - next.since > this.limits.waitMs
        if (!isLate && !send(next.bytes)) return
        this.#take(line)
        if (!isLate) break
        this.#dropped++
      }
      this.#lines.delete(line.flow)
      if (line.waiting.length > 0) this.#lines.set(line.flow, line)
    }
  }

  /** The flow is closed. */
  forget(flow: F): void {
    const line = this.#lines.get(flow)
    if (line === undefined) return
    while (line.waiting.length > 0) this.#take(line)
    this.#lines.delete(flow)
  }

  /** The line that has just grown, unless one of those whose turn comes soon is longer. */
  #longOne(grown: Line<F>): Line<F> {
    let longest = grown
    let count = 0
    for (const line of this.#lines.values()) {
      if (line.waiting.length > longest.waiting.length) longest = line
      if (++count >= LOOKED_AT) break
    }
    // Where all have one packet, the oldest of these goes.
    if (longest !== grown || grown.waiting.length > 1) return longest
    for (const line of this.#lines.values()) return line
    return grown
  }

  #dropFrom(line: Line<F>): void {
    this.#take(line)
    this.#dropped++
    if (line.waiting.length === 0) this.#lines.delete(line.flow)
  }

  #take(line: Line<F>): Waiting | undefined {
    const next = line.waiting.shift()
    if (next === undefined) return undefined
    this.#count--
    this.#bytes -= next.bytes.length
    return next
  }
}
