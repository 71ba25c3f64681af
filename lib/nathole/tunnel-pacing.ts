// When a visitor tries to open a hole: at once for a user who waits, less often while it fails, and
// with keepTunnelOpen also without a user, within frp's limits (frp-wire.md section 7.10). Sans-IO.

export interface TunnelPacingOptions {
  /** keepTunnelOpen */
  readonly keepsOpen: boolean
  /** Between looks whether the tunnel still stands. */
  readonly minRetryIntervalMs: number
  /** Of tries that no user asked for. */
  readonly maxRetriesAnHour: number
}

/**
 * From the start of one try to the next. frp waits 10 s; frps proposes something else each time, so
 * a user who has 20 s gets further with 3.
 */
const GAPS_MS = [3_000, 5_000, 10_000]
const HOUR_MS = 3_600_000

/** Times in milliseconds. */
export class TunnelPacing {
  readonly #options: TunnelPacingOptions
  #phase: 'down' | 'trying' | 'up' | 'closed' = 'down'
  #failures = 0
  #startedAt = -Infinity
  /** Users who wait. */
  #wanted = 0
  /** When it is next looked at without a user. */
  #keepAt: number
  /** Tries without a user that are left, and since when they have been counted. */
  #tries: number
  #triesAt: number

  constructor(options: TunnelPacingOptions, now: number) {
    this.#options = options
    this.#keepAt = options.keepsOpen ? now : Infinity
    this.#tries = Math.max(1, options.maxRetriesAnHour)
    this.#triesAt = now
  }

  /** So many users wait now. */
  handleWanted(count: number): void {
    this.#wanted = count
  }

  /** True when a try is to be begun; then it counts as begun. */
  begin(now: number): boolean {
    if (this.#phase !== 'down' || now < this.#nextAt()) return false
    const isForUser = this.#wanted > 0 && now >= this.#userAt()
    if (!isForUser) {
      this.#refill(now)
      this.#keepAt = now + this.#intervalMs
      if (this.#tries < 1) return false
      this.#tries--
    }
    this.#phase = 'trying'
    this.#startedAt = now
    return true
  }

  handleFailed(): void {
    if (this.#phase !== 'trying') return
    this.#phase = 'down'
    this.#failures++
  }

  handleUp(): void {
    if (this.#phase !== 'trying') return
    this.#phase = 'up'
    this.#failures = 0
  }

  /** The tunnel has ended. */
  handleDown(now: number): void {
    if (this.#phase !== 'up') return
    this.#phase = 'down'
    if (this.#options.keepsOpen) this.#keepAt = Math.max(now, this.#startedAt + this.#intervalMs)
  }

  close(): void {
    this.#phase = 'closed'
  }

  /** When `begin` can be true. */
  deadline(): number | undefined {
    if (this.#phase !== 'down') return undefined
    const at = this.#nextAt()
    return at === Infinity ? undefined : at
  }

  get #intervalMs(): number {
    return Math.max(1_000, this.#options.minRetryIntervalMs)
  }

  #nextAt(): number {
    return Math.min(this.#wanted > 0 ? this.#userAt() : Infinity, this.#keepAt)
  }

  #userAt(): number {
    if (this.#failures === 0) return -Infinity
    return this.#startedAt + (GAPS_MS[this.#failures - 1] ?? GAPS_MS.at(-1) ?? 0)
  }

  #refill(now: number): void {
    const most = Math.max(1, this.#options.maxRetriesAnHour)
    this.#tries = Math.min(most, this.#tries + ((now - this.#triesAt) / HOUR_MS) * most)
    this.#triesAt = now
  }
}
