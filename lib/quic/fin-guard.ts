// Works around a fault of quiche 0.18 that loses the end of a stream: it forgets a stream as soon as all its *bytes*
// are acknowledged and the other direction is over, although the FIN may still be unsent, or lost on the way. A FIN that
// rides on the last bytes is safe, and so is one that is sent when no bytes are in flight. In between it waits here.

import type { Connection } from './quiche-types.ts'
import type { QuicStream } from './stream.ts'

/**
 * Where it cannot be seen that nothing is in flight (other streams are busy), this long after the last byte counts as
 * acknowledged: enough for one loss, its detection and the retransmission.
 */
const SETTLE_ROUND_TRIPS = 5
const SETTLE_MS = 10

export class FinGuard {
  readonly #native: Connection
  readonly #waiting = new Map<QuicStream, NodeJS.Timeout>()

  constructor(native: Connection) {
    this.#native = native
  }

  /** True when `stream` may send its FIN now; otherwise it is asked again by `retry` or after the settling time. */
  mayFinish(stream: QuicStream, flushCount: number): boolean {
    const last = stream.lastSend
    const isSafe = last === undefined || last.flushCount === flushCount || this.#isQuiet(stream.id)
    const rttMs = this.#native.pathStats().find(path => path.active)?.rtt ?? 0
    const waitMs = isSafe
      ? 0
      : last.atMs + SETTLE_ROUND_TRIPS * rttMs + SETTLE_MS - performance.now()
    if (waitMs <= 0) {
      this.forget(stream)
      return true
    }
    if (!this.#waiting.has(stream)) {
      this.#waiting.set(
        stream,
        setTimeout(() => stream.flushWrites(), waitMs),
      )
    }
    return false
  }

  /** Acknowledgements may have arrived. */
  retry(): void {
    for (const stream of this.#waiting.keys()) stream.flushWrites()
  }

  forget(stream: QuicStream): void {
    clearTimeout(this.#waiting.get(stream))
    this.#waiting.delete(stream)
  }

  /** Nothing is in flight on the connection: what quiche would take now is the whole congestion window. */
  #isQuiet(streamId: number): boolean {
    try {
      const window = this.#native.pathStats().find(path => path.active)?.cwnd
      return window !== undefined && this.#native.streamCapacity(streamId) >= window
    } catch {
      // The stream was stopped or is gone: the write that follows says so.
      return true
    }
  }
}
