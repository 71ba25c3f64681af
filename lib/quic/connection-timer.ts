// When a connection has to do something though no packet comes: quiche's own timeouts, and the
// pings that keep NATs open and notice a server that was killed.

import { MAX_DELAY_MS } from '../clock.ts'
import type { Connection } from './quiche-types.ts'

/**
 * A client pings at least this often. A frps that was killed and started again answers the ping
 * with a stateless reset, so its loss is noticed within 1 s instead of an idle time-out (30 s), and
 * frpc is back within 3 s even on a busy machine (with 2 s it took up to 2.98 s). About 60 bytes a
 * second each way.
 */
const LIVENESS_MS = 1000

export interface TimerOptions {
  readonly role: 'client' | 'server'
  readonly keepaliveMs: number
  readonly idleTimeoutMs: number
  /** See config.ts. */
  readonly livenessMs?: number
}

export class ConnectionTimer {
  readonly #native: Pick<Connection, 'onTimeout' | 'sendAckEliciting' | 'timeout'>
  readonly #pingMs: number
  readonly #onDue: () => void
  #timer: NodeJS.Timeout | undefined
  #firesAt = Number.POSITIVE_INFINITY
  #heardAt = performance.now()
  #isPinging = false

  /** `onDue` is to call `fire`. */
  constructor(
    native: Pick<Connection, 'onTimeout' | 'sendAckEliciting' | 'timeout'>,
    { role, keepaliveMs, idleTimeoutMs, livenessMs = LIVENESS_MS }: TimerOptions,
    onDue: () => void,
  ) {
    this.#native = native
    const period = Math.min(keepaliveMs, idleTimeoutMs / 2)
    this.#pingMs = role === 'client' ? Math.min(period, livenessMs) : period
    this.#onDue = onDue
  }

  /** The handshake is done: from now on silence is ended by pings. */
  startPinging(): void {
    this.#isPinging = true
  }

  handleHeard(now: number): void {
    this.#heardAt = now
  }

  /**
   * One timer a connection, moved only when the new deadline is earlier: most flushes leave it
   * alone.
   */
  arm(): void {
    const now = performance.now()
    const dueMs = this.#native.timeout() ?? Number.POSITIVE_INFINITY
    const at = Math.min(now + dueMs, this.#pingsAt())
    if (at >= this.#firesAt || !Number.isFinite(at)) return
    clearTimeout(this.#timer)
    this.#firesAt = at
    const delayMs = Math.min(Math.max(1, Math.ceil(at - now)), MAX_DELAY_MS)
    this.#timer = setTimeout(() => {
      this.#firesAt = Number.POSITIVE_INFINITY
      this.#onDue()
    }, delayMs)
  }

  /** Does what is due; true when quiche's timeout was, which may have opened its window. */
  fire(): boolean {
    const isTimeout = this.#native.timeout() === 0
    if (isTimeout) this.#native.onTimeout()
    if (performance.now() >= this.#pingsAt()) {
      this.#native.sendAckEliciting()
      // The answer moves this on; without one the next ping comes a period later.
      this.#heardAt = performance.now()
    }
    return isTimeout
  }

  clear(): void {
    clearTimeout(this.#timer)
  }

  #pingsAt(): number {
    return this.#isPinging ? this.#heardAt + this.#pingMs : Number.POSITIVE_INFINITY
  }
}
