// The clockwork of keystrokes and games: so many messages at a fixed pace, whatever becomes of the
// answers, and what became of them. A message that is late holds up none after it, as a player's
// hand does not wait for the screen.

import type { PulseResult } from './messages.ts'

export interface PulsePlan {
  readonly intervalMs: number
  readonly warmUpMs: number
  readonly measureMs: number
  readonly drainMs: number
}

/** One run. It keeps the time stamps: what travels is only the number of the message. */
export class Pulse {
  /** Resolves when every answer is there, or `drainMs` after the last message. */
  readonly done: Promise<void>
  readonly #plan: PulsePlan
  readonly #send: (sequence: number) => void
  readonly #total: number
  readonly #skipped: number
  readonly #sentAt: Float64Array
  readonly #roundTripMs: Float64Array
  readonly #resolveDone: () => void
  #timer: NodeJS.Timeout | undefined
  #beganAt = 0
  #sent = 0
  #missing: number
  #highest = -1
  #reordered = 0
  #brokenAt: number | undefined

  /** `send` is called with 0, 1, 2 ... */
  constructor(plan: PulsePlan, send: (sequence: number) => void) {
    this.#plan = plan
    this.#send = send
    this.#skipped = Math.ceil(plan.warmUpMs / plan.intervalMs)
    this.#total = this.#skipped + Math.max(1, Math.floor(plan.measureMs / plan.intervalMs))
    this.#missing = this.#total
    this.#sentAt = new Float64Array(this.#total)
    this.#roundTripMs = new Float64Array(this.#total).fill(Infinity)
    let resolve: () => void = () => {}
    this.done = new Promise(done => (resolve = done))
    this.#resolveDone = resolve
  }

  start(): void {
    this.#beganAt = performance.now()
    this.#tick()
  }

  /** An answer; one that was there already, or to nothing we sent, is ignored. */
  handleAnswer(sequence: number): void {
    const now = performance.now()
    if (sequence >= this.#sent || this.#roundTripMs[sequence] !== Infinity) return
    this.#roundTripMs[sequence] = now - (this.#sentAt[sequence] ?? now)
    if (sequence < this.#highest) this.#reordered++
    else this.#highest = sequence
    this.#missing--
    if (this.#missing === 0) this.stop()
  }

  /** The connection is gone: no more messages, and no answers. */
  handleBroken(): void {
    this.#brokenAt ??= performance.now()
    this.stop()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#resolveDone()
  }

  /** Of what was sent after the warm-up. */
  result(): PulseResult {
    const { timeOrigin } = performance
    const from = Math.min(this.#skipped, this.#sent)
    return {
      samplesMs: this.#roundTripMs.slice(from, this.#sent),
      sentAt: this.#sentAt.slice(from, this.#sent).map(at => timeOrigin + at),
      reordered: this.#reordered,
      ...(this.#brokenAt !== undefined && { brokenAt: timeOrigin + this.#brokenAt }),
    }
  }

  #tick(): void {
    const { intervalMs, drainMs } = this.#plan
    while (this.#sent < this.#total) {
      const waitMs = this.#beganAt + this.#sent * intervalMs - performance.now()
      if (waitMs > 0.5) {
        this.#timer = setTimeout(() => this.#tick(), waitMs)
        return
      }
      const sequence = this.#sent++
      this.#sentAt[sequence] = performance.now()
      this.#send(sequence)
    }
    this.#timer = setTimeout(() => this.stop(), drainMs)
  }
}
