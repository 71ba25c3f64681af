// The pool of work streams of one real frp client: who waits for one, when another is asked for,
// which is too many. Sans-IO. Rules of frp (frp-wire.md section 5.1). A client of ours needs no
// pool: the server opens its streams.

export interface WorkPoolConfig {
  /** What the client asked for, already clamped. So many requests go out at the start. */
  readonly poolCount: number
  /** frp's userConnTimeout in milliseconds: the longest that one user connection waits. */
  readonly timeoutMs: number
}

export type WorkPoolOutput<S> =
  /** Send one ReqWorkConn. */
  | { readonly type: 'request' }
  | { readonly type: 'grant'; readonly ticket: number; readonly stream: S }
  /**
   * This waiter gets nothing: `timeout` after timeoutMs, `crowded` at once, `closed` with the pool.
   */
  | { readonly type: 'deny'; readonly ticket: number; readonly reason: DenyReason }
  /** The pool has no use for this stream; tell its owner and close it. */
  | { readonly type: 'refuse'; readonly stream: S; readonly reason: 'full' | 'closed' }

export type DenyReason = 'timeout' | 'crowded' | 'closed'

/** frp keeps this many places beyond poolCount. */
const SPARE_PLACES = 10

/**
 * Users that may wait for one client at a time; frp has no bound. Each waiter holds a socket of a
 * user.
 */
const MAX_WAITING = 4096

/**
 * `S` is whatever a stream is to the driver; the pool only hands it over. Times in milliseconds.
 */
export class WorkPool<S> {
  readonly #config: WorkPoolConfig
  readonly #capacity: number
  readonly #outputs: WorkPoolOutput<S>[] = []
  /** Oldest first, as frp takes them. */
  readonly #idle: S[] = []
  /** Insertion order is waiting order, and so also the order of the deadlines. */
  readonly #waiting = new Map<number, { readonly deadline: number }>()
  #lastTicket = 0
  #closed = false

  constructor(config: WorkPoolConfig) {
    this.#config = config
    this.#capacity = config.poolCount + SPARE_PLACES
    for (let i = 0; i < config.poolCount; i++) this.#outputs.push({ type: 'request' })
  }

  get idleCount(): number {
    return this.#idle.length
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  /** A user needs a stream. The ticket comes back in one grant or one deny. */
  take(now: number): number {
    const ticket = ++this.#lastTicket
    if (this.#closed) {
      this.#outputs.push({ type: 'deny', ticket, reason: 'closed' })
      return ticket
    }
    const stream = this.#idle.shift()
    if (stream !== undefined) {
      this.#grant(ticket, stream)
      return ticket
    }
    if (this.#waiting.size >= MAX_WAITING) {
      this.#outputs.push({ type: 'deny', ticket, reason: 'crowded' })
      return ticket
    }
    this.#waiting.set(ticket, { deadline: now + this.#config.timeoutMs })
    this.#outputs.push({ type: 'request' })
    return ticket
  }

  /** The user left before his stream came. The stream that was asked for stays in the pool. */
  cancel(ticket: number): void {
    this.#waiting.delete(ticket)
  }

  /** The client brought a stream. */
  handleStream(stream: S): void {
    if (this.#closed) {
      this.#outputs.push({ type: 'refuse', stream, reason: 'closed' })
      return
    }
    const waiter = this.#waiting.keys().next()
    if (!waiter.done) {
      this.#waiting.delete(waiter.value)
      this.#grant(waiter.value, stream)
    } else if (this.#idle.length < this.#capacity) {
      this.#idle.push(stream)
    } else {
      this.#outputs.push({ type: 'refuse', stream, reason: 'full' })
    }
  }

  /**
   * An idle stream ended. frp finds out only when a user gets it. No replacement is asked for: a
   * client that keeps closing its streams would make us ask forever; the next user asks.
   */
  handleStreamGone(stream: S): void {
    const index = this.#idle.indexOf(stream)
    if (index >= 0) this.#idle.splice(index, 1)
  }

  /** The control ended: idle streams are refused and waiting users denied. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const ticket of this.#waiting.keys()) {
      this.#outputs.push({ type: 'deny', ticket, reason: 'closed' })
    }
    this.#waiting.clear()
    for (const stream of this.#idle.splice(0)) {
      this.#outputs.push({ type: 'refuse', stream, reason: 'closed' })
    }
  }

  poll(now: number): WorkPoolOutput<S> | undefined {
    for (const [ticket, { deadline }] of this.#waiting) {
      if (deadline > now) break
      this.#waiting.delete(ticket)
      this.#outputs.push({ type: 'deny', ticket, reason: 'timeout' })
    }
    return this.#outputs.shift()
  }

  deadline(): number | undefined {
    const first = this.#waiting.values().next()
    return first.done ? undefined : first.value.deadline
  }

  /**
   * Every stream that is taken is replaced; a user who waited has so made the pool one larger, as
   * in frp.
   */
  #grant(ticket: number, stream: S): void {
    this.#outputs.push({ type: 'grant', ticket, stream }, { type: 'request' })
  }
}
