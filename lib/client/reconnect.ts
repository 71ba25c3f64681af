// Sans-IO. Decides when the client tries to reach the server, and how long one try may last. Before
// the first login it keeps frp's pace (frp-wire.md §5.6). After a lost session it is quicker than
// frp, whose steps of up to 20 s leave a restarted frps without its clients for that long.
//
// The promise is: a server that is back within ten minutes is found within 3 s of its listening. It
// holds because, in that time, pauses between attempts end at 1 s and an attempt that neither fails
// nor succeeds is cut at 2 s. The longest gap between two knocks is then that of a silent attempt,
// which knocks at 0 and 1 s (retransmission of the TCP SYN or the QUIC Initial) and whose successor
// knocks at 2 + 1 s: 2 s, and one login on top. It costs a client that waits one small packet a
// second. Past ten minutes nobody stands beside the server and waits: frp's 20 s. One exception:
// where nothing at all answers, each eighth attempt gets its full time, with gaps of up to 4 s.

export interface ReconnectConfig {
  /** Exit when the first attempt fails (frp's loginFailExit). */
  readonly loginFailExit: boolean
  /** Longest time in milliseconds that an attempt gets when there is no hurry (dial and login). */
  readonly attemptLimitMs: number
  /** Uniform in [0, 1). Spreads the clients of a restarted server over time. */
  readonly random: () => number
}

export type ReconnectOutput =
  | { readonly type: 'attempt'; readonly limitMs: number }
  | { readonly type: 'give-up' }

/** How an attempt ended without a session. */
export type AttemptFailure =
  | 'unreachable' // nobody listens, or the link was refused
  | 'timed-out' // it was cut at its limit
  | 'login-refused' // the server is there and does not want us

const FIRST_DELAY_MS = 2_000
const FIRST_DELAY_MAX_MS = 10_000
const QUICK_DELAY_MS = 200
const QUICK_DELAY_MAX_MS = 1_000
const QUICK_LIMIT_MS = 2_000
const QUICK_PHASE_MS = 600_000
const SLOW_DELAY_MAX_MS = 20_000
/** A session that lasted so long ends the trouble: the next loss starts a new quick phase. */
const STABLE_MS = 10_000
/**
 * Of so many attempts cut in a row, one gets its full time: the way to the server may have become
 * slow.
 */
const PATIENT_EVERY = 8

/** One client's attempts over its whole run. Times in milliseconds. */
export class Reconnect {
  readonly #config: ReconnectConfig
  #phase: 'waiting' | 'trying' | 'connected' | 'over' = 'waiting'
  #gaveUp = false
  #everConnected = false
  #attemptAt: number | undefined
  #startedAt = 0
  #connectedAt = 0
  #troubleSince = 0
  #delayMs = 0
  #cutInRow = 0
  #quickestMs = Infinity

  constructor(config: ReconnectConfig, now: number) {
    this.#config = config
    this.#attemptAt = now
  }

  /** Logged in. */
  handleConnected(now: number): void {
    if (this.#phase !== 'trying') return
    this.#phase = 'connected'
    if (!this.#everConnected) this.#delayMs = 0
    this.#everConnected = true
    this.#connectedAt = now
    // The smallest, because the last one may have met a server that came back in the middle of it.
    this.#quickestMs = Math.min(this.#quickestMs, now - this.#startedAt)
    this.#cutInRow = 0
  }

  /** The session that had logged in is over. */
  handleLost(now: number): void {
    if (this.#phase !== 'connected') return
    const flapping = this.#delayMs > 0 && now - this.#connectedAt < STABLE_MS
    if (!flapping) {
      this.#delayMs = 0
      this.#troubleSince = now
    }
    this.#schedule('unreachable', now)
  }

  /** The attempt has failed. */
  handleFailed(failure: AttemptFailure, now: number): void {
    if (this.#phase !== 'trying') return
    if (!this.#everConnected && this.#config.loginFailExit) {
      this.#phase = 'over'
      this.#attemptAt = undefined
      this.#gaveUp = true
      return
    }
    this.#cutInRow = failure === 'timed-out' ? this.#cutInRow + 1 : 0
    this.#schedule(failure, now)
  }

  /** The client is being closed: no more attempts. */
  stop(): void {
    this.#phase = 'over'
    this.#attemptAt = undefined
  }

  poll(now: number): ReconnectOutput | undefined {
    if (this.#gaveUp) {
      this.#gaveUp = false
      return { type: 'give-up' }
    }
    if (this.#attemptAt === undefined || now < this.#attemptAt) return undefined
    this.#attemptAt = undefined
    this.#phase = 'trying'
    this.#startedAt = now
    return { type: 'attempt', limitMs: this.#limit(now) }
  }

  deadline(): number | undefined {
    return this.#attemptAt
  }

  #schedule(failure: AttemptFailure, now: number): void {
    this.#phase = 'waiting'
    if (!this.#everConnected) {
      this.#delayMs = Math.min(this.#delayMs * 2 || FIRST_DELAY_MS, FIRST_DELAY_MAX_MS)
      this.#attemptAt = now + this.#delayMs * (1 + 0.1 * this.#config.random())
      return
    }
    // A server that refuses the login has been found: hurrying would only fill its log.
    const hurry = failure !== 'login-refused' && this.#isQuick(now)
    const longest = hurry ? QUICK_DELAY_MAX_MS : SLOW_DELAY_MAX_MS
    this.#delayMs = Math.min(this.#delayMs * 2 || QUICK_DELAY_MS, longest)
    this.#attemptAt = now + this.#delayMs * (0.5 + 0.5 * this.#config.random())
  }

  #limit(now: number): number {
    const full = this.#config.attemptLimitMs
    const patient = this.#cutInRow % PATIENT_EVERY === PATIENT_EVERY - 1
    if (!this.#everConnected || !this.#isQuick(now) || patient) return full
    // A link on which logins take long must not be cut before it can succeed.
    return Math.min(full, Math.max(QUICK_LIMIT_MS, 3 * this.#quickestMs))
  }

  #isQuick(now: number): boolean {
    return now - this.#troubleSince < QUICK_PHASE_MS
  }
}
