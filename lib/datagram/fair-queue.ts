// What waits while the link is full. Sans-IO. Each flow has its own line and they take turns, so
// that one busy flow does not delay the others; what is old is dropped, because for a game a late
// packet is worse than none, and a long queue would delay all that follow.

/** Longest wait, milliseconds: three packets of a game at 60/s. */
export const MAX_WAIT_MS = 50

/**
 * Most that may wait, in datagrams and bytes. 256 KiB are 42 ms at 50 Mbit/s: on faster links this
 * never binds, on slower ones the age does.
 */
const MAX_DATAGRAMS = 512
const MAX_BYTES = 256 << 10

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
    while (this.#count > MAX_DATAGRAMS || this.#bytes > MAX_BYTES) this.#dropFrom(this.#longest())
  }

  /**
   * Gives what waits to `send`, each flow in its turn, until it refuses or nothing is left. What has
   * waited too long is dropped instead.
   */
  serve(now: number, send: (bytes: Buffer) => boolean): void {
    // A line that is set again comes last, so this goes round until all are empty.
    for (const line of this.#lines.values()) {
      for (;;) {
        const next = line.waiting[0]
        if (next === undefined) break
        const isLate = now - next.since > MAX_WAIT_MS
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

  #longest(): Line<F> | undefined {
    let longest: Line<F> | undefined
    for (const line of this.#lines.values()) {
      if (longest === undefined || line.waiting.length > longest.waiting.length) longest = line
    }
    return longest
  }

  #dropFrom(line: Line<F> | undefined): void {
    if (line === undefined) return
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
