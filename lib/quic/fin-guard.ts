// Works around a fault of quiche 0.18 that can lose a FIN (see end-notices.ts, which is the cure
// between two of ours). A FIN that rides on the last bytes is safe. One that is sent when no bytes
// are in flight is lost only if its own packet is and the other direction ends before that shows.
// Towards a real peer any other FIN waits here until it is of the second kind; and the reading side
// of a stream that was given up stays open until its FIN has arrived.

import { activePath } from './active-path.ts'
import type { Connection, PathStats } from './quiche-types.ts'
import type { QuicStream } from './stream.ts'

/**
 * Where it cannot be seen that nothing is in flight (other streams are busy), all bytes count as
 * acknowledged this long after the last one: enough for one loss, its detection and the
 * retransmission.
 */
const SETTLE_ROUND_TRIPS = 5
const SETTLE_MS = 20
const MAX_PAUSES = 20

/** A reading side that waits longer is ended: what comes there fills windows. */
const HOLD_MS = 2000

interface Held {
  readonly stop: () => void
  readonly timer: NodeJS.Timeout
}

/** What it reads of its connection. */
export interface FinGuardHost {
  readonly native: Connection
  /** With each, what was lost until then leaves again. */
  readonly flushCount: number
}

export class FinGuard {
  readonly #host: FinGuardHost
  readonly #waiting = new Map<QuicStream, NodeJS.Timeout>()
  readonly #held = new Map<number, Held>()
  /** What was seen when it was last asked. */
  #look = { flushCount: 0, lostBytes: 0, isWhole: true }

  constructor(host: FinGuardHost) {
    this.#host = host
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
    const path = activePath(this.#host.native)
    const pauseMs = SETTLE_ROUND_TRIPS * (path?.rtt ?? 0) + SETTLE_MS
    const ageMs = performance.now() - (stream.lastSend?.atMs ?? 0)
    if (ageMs >= pauseMs) {
      // Where others lose packets all the time, this does not wait for the end of it.
      if (path === undefined || ageMs >= MAX_PAUSES * pauseMs || this.#isWhole(path)) return true
    }
    const waitMs = ageMs < pauseMs ? pauseMs - ageMs : pauseMs
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

  /**
   * `stop` ends the other direction of a stream whose FIN has left: called once nothing is in flight
   * any more, or after HOLD_MS.
   */
  hold(streamId: number, stop: () => void): void {
    const timer = setTimeout(() => this.#release(streamId), HOLD_MS)
    timer.unref()
    this.#held.set(streamId, { stop, timer })
  }

  /** Acknowledgements may have arrived; `hasHeard` as for isSafe. */
  retry(hasHeard: boolean): void {
    for (const stream of this.#waiting.keys()) stream.flushWrites()
    if (!hasHeard) return
    for (const id of [...this.#held.keys()]) {
      // One answers for all: the connection is quiet or it is not.
      if (!this.#isQuiet(id)) return
      this.#release(id)
    }
  }

  #release(streamId: number): void {
    const held = this.#held.get(streamId)
    if (held === undefined) return
    clearTimeout(held.timer)
    this.#held.delete(streamId)
    held.stop()
  }

  /** The connection is over. */
  close(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer)
    this.#held.clear()
  }

  forget(stream: QuicStream): void {
    clearTimeout(this.#waiting.get(stream))
    this.#waiting.delete(stream)
  }

  /**
   * Nothing is in flight on the connection: what quiche would take now is the whole congestion
   * window. What was declared lost is not in flight, but has to be sent again: a FIN that is handed
   * over before that is never sent (a real frps waited for one stream in 30 on a busy machine).
   */
  #isQuiet(streamId: number): boolean {
    try {
      const { native } = this.#host
      const path = activePath(native)
      if (path === undefined) return false
      return this.#isWhole(path) && native.streamCapacity(streamId) >= path.cwnd
    } catch {
      // The stream was stopped or is gone: the write that follows says so.
      return true
    }
  }

  /**
   * Nothing was lost since the last look, so that nothing waits to be sent again. Several looks
   * before one flush see the same.
   */
  #isWhole({ lostBytes }: PathStats): boolean {
    const { flushCount } = this.#host
    const last = this.#look
    const wasWhole = flushCount !== last.flushCount || last.isWhole
    const isWhole = wasWhole && lostBytes === last.lostBytes
    this.#look = { flushCount, lostBytes, isWhole }
    return isWhole
  }
}
