// Sans-IO. Decides when to ping the peer and when to give it up; knows no message and no timer.
// The client pings and hears Pongs; the server hears Pings and sends none (frp-wire.md §5.5).

export interface HeartbeatConfig {
  /** Milliseconds from ping to ping; the first is due at once. `undefined` or <= 0: never ping. */
  readonly intervalMs?: number | undefined
  /** Longest silence in milliseconds before the peer is given up. `undefined` or <= 0: never. */
  readonly timeoutMs?: number | undefined
}

export type HeartbeatOutput =
  | { readonly type: 'ping' }
  | { readonly type: 'expired'; readonly silentMs: number }

/** One peer's heartbeat. Times in milliseconds. After 'expired' it says nothing more. */
export class Heartbeat {
  readonly #intervalMs: number
  readonly #timeoutMs: number
  #heardAt: number
  #pingAt: number
  #expired = false

  constructor({ intervalMs = 0, timeoutMs = 0 }: HeartbeatConfig, now: number) {
    this.#intervalMs = intervalMs > 0 ? intervalMs : Infinity
    this.#timeoutMs = timeoutMs > 0 ? timeoutMs : Infinity
    this.#heardAt = now
    this.#pingAt = intervalMs > 0 ? now : Infinity
  }

  /** The peer's Ping or Pong has come. */
  handleBeat(now: number): void {
    this.#heardAt = now
  }

  poll(now: number): HeartbeatOutput | undefined {
    if (this.#expired) return undefined
    const silentMs = now - this.#heardAt
    if (silentMs >= this.#timeoutMs) {
      this.#expired = true
      return { type: 'expired', silentMs }
    }
    if (now < this.#pingAt) return undefined
    this.#pingAt = now + this.#intervalMs
    return { type: 'ping' }
  }

  deadline(): number | undefined {
    if (this.#expired) return undefined
    const at = Math.min(this.#pingAt, this.#heardAt + this.#timeoutMs)
    return at === Infinity ? undefined : at
  }
}
