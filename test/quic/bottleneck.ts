// A bottleneck by arithmetic, in time that the test gives: a rate, a queue bounded in bytes and a
// round trip, shared by the sender under test and, where wanted, a cubic-like neighbour.

import type { PathSample } from '../../lib/quic/delay-window.ts'
import type { Random } from '../support/random.ts'

export interface BottleneckOptions {
  readonly bytesPerMs: number
  readonly rttMs: number
  readonly queueBytes: number
  readonly lossShare?: number
  /** Delay beyond the round trip that wanders between 0 and this. */
  readonly jitterMs?: number
  /** The neighbour's bytes under way at time `now`; it never yields to a queue. */
  readonly neighbourBytes?: (now: number) => number
}

export interface Observation {
  readonly rttMs: number
  readonly bytesPerMs: number
  readonly droppedBytes: number
}

export class Bottleneck {
  options: BottleneckOptions
  now = 0
  #sent = 0
  #lost = 0
  #smoothedRtt: number
  readonly #random: Random
  #wander = { from: 0, to: 0, beganAt: -20 }

  constructor(options: BottleneckOptions, random: Random) {
    this.options = options
    this.#smoothedRtt = options.rttMs
    this.#random = random
  }

  /** One millisecond with `window` bytes of ours under way, all of them used. */
  step(window: number): { sample: PathSample; seen: Observation } {
    const { bytesPerMs, rttMs, queueBytes, lossShare = 0, neighbourBytes } = this.options
    this.now += 1
    const neighbour = neighbourBytes?.(this.now) ?? 0
    const pipe = bytesPerMs * rttMs
    const queued = Math.max(0, window + neighbour - pipe)
    const dropped = Math.max(0, queued - queueBytes)
    const delay = Math.min(queued, queueBytes) / bytesPerMs
    const rtt = rttMs + delay + this.#jitter()
    const ours = window - dropped * (window / Math.max(1, window + neighbour))
    // Little's law, with the link as the limit.
    const rate = Math.min(ours / rtt, bytesPerMs)
    // quiche smooths over eight acknowledgements and tells whole milliseconds.
    this.#smoothedRtt += (rtt - this.#smoothedRtt) / 8
    this.#sent += rate
    if (this.#random.below(1e6) < 1e6 * lossShare * (rate / 1452)) this.#lost += 1452
    this.#lost += dropped / rtt
    const sample: PathSample = {
      now: this.now,
      rttMs: Math.floor(this.#smoothedRtt),
      deliveryRate: rate * 1000,
      inFlight: ours,
      sentBytes: this.#sent,
      lostBytes: this.#lost,
    }
    return { sample, seen: { rttMs: rtt, bytesPerMs: rate, droppedBytes: dropped } }
  }

  #jitter(): number {
    const { jitterMs = 0 } = this.options
    const stepMs = Math.max(20, jitterMs)
    if (this.now - this.#wander.beganAt >= stepMs) {
      const to = (this.#random.below(1000) / 1000) * jitterMs
      this.#wander = { from: this.#wander.to, to, beganAt: this.now }
    }
    const { from, to, beganAt } = this.#wander
    return from + ((to - from) * (this.now - beganAt)) / stepMs
  }
}
