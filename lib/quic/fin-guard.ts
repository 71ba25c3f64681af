// Works around a fault of quiche 0.18 that can lose a FIN (see end-notices.ts, which is the cure
// between two of ours). A FIN that rides on the last bytes is safe. One that is sent when no bytes
// are in flight is lost only if its own packet is and the other direction ends before that shows.
// Towards a real peer any other FIN waits here until it is of the second kind.

import type { Connection } from './quiche-types.ts'
import type { QuicStream } from './stream.ts'

/**
 * Where it cannot be seen that nothing is in flight (other streams are busy), all bytes count as
 * acknowledged this long after the last one: enough for one loss, its detection and the
 * retransmission.
 */
const SETTLE_ROUND_TRIPS = 5
const SETTLE_MS = 20

export class FinGuard {
  readonly #native: Connection
  readonly #waiting = new Map<QuicStream, NodeJS.Timeout>()

  constructor(native: Connection) {
    this.#native = native
  }

  /**
   * True when no bytes of `stream` can be in flight. `hasHeard` says whether a datagram came in
   * since the last flush, because only then does quiche compute anew what it would take.
   */
  isSafe(stream: QuicStream, hasHeard: boolean): boolean {
    return stream.lastSend === undefined || (hasHeard && this.#isQuiet(stream.id))
  }

  /**
   * True when an unsafe FIN has waited long enough; otherwise `retry` or the settling time asks
   * again.
   */
  hasSettled(stream: QuicStream): boolean {
    const rttMs = this.#native.pathStats().find(path => path.active)?.rtt ?? 0
    const sentAt = stream.lastSend?.atMs ?? 0
    const waitMs = sentAt + SETTLE_ROUND_TRIPS * rttMs + SETTLE_MS - performance.now()
    if (waitMs <= 0) return true
    if (!this.#waiting.has(stream)) {
      const onSettled = (): void => {
        this.#waiting.delete(stream)
        stream.flushWrites()
      }
      // The immediate lets the socket be read first, where the acknowledgement may be waiting.
      const timer = setTimeout(() => setImmediate(onSettled), Math.ceil(waitMs))
      this.#waiting.set(stream, timer)
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

  /**
   * Nothing is in flight on the connection: what quiche would take now is the whole congestion
   * window.
   */
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
