// Sans-IO. The life of one proxy at the client during one session: when NewProxy is sent, and what
// its answer means. Phases and times are frp's (frp-wire.md §5.4), but for its 3 s polling: each
// step is taken at its own instant.

/** frp's words (frp-surface.md §4.1). */
export type ProxyPhase = 'new' | 'wait start' | 'start error' | 'running' | 'closed'

export type ProxyStateOutput =
  | { readonly type: 'register' }
  | { readonly type: 'withdraw' }
  | { readonly type: 'up'; readonly remoteAddr: string }
  | { readonly type: 'refused'; readonly error: string }

/** NewProxy is sent again when it stayed without an answer for so long. */
const ANSWER_TIMEOUT_MS = 20_000
/** ... and so long after a refusal: a port that becomes free is taken then. */
const RETRY_DELAY_MS = 30_000

/** Made anew for each session: a proxy does not outlive the login it was registered with. */
export class ProxyState {
  #phase: ProxyPhase = 'new'
  #actAt: number
  #remoteAddr = ''
  #error = ''
  #outputs: ProxyStateOutput[] = []

  constructor(now: number) {
    this.#actAt = now
  }

  get phase(): ProxyPhase {
    return this.#phase
  }

  /** As the server gave it (`:6000`); empty unless running. */
  get remoteAddr(): string {
    return this.#remoteAddr
  }

  /** The server's reason while in 'start error'; empty otherwise. */
  get error(): string {
    return this.#error
  }

  /**
   * True when a user's connection can be served. That includes 'wait start': the server opens the
   * public port before it answers NewProxy, and frp drops the users who come in between.
   */
  get takesUsers(): boolean {
    return this.#phase === 'running' || this.#phase === 'wait start'
  }

  /** NewProxyResp. Without a question it means nothing: frps answers each NewProxy once. */
  handleAnswer(answer: { readonly remoteAddr: string; readonly error: string }, now: number): void {
    if (this.#phase !== 'wait start') return
    if (answer.error !== '') {
      this.#phase = 'start error'
      this.#error = answer.error
      this.#actAt = now + RETRY_DELAY_MS
      this.#outputs.push({ type: 'refused', error: answer.error })
      return
    }
    this.#phase = 'running'
    this.#remoteAddr = answer.remoteAddr
    this.#actAt = Infinity
    this.#outputs.push({ type: 'up', remoteAddr: answer.remoteAddr })
  }

  /** The proxy is to end; the server is told if it may know of it. Final. */
  close(): void {
    if (this.#phase === 'closed') return
    if (this.takesUsers) this.#outputs.push({ type: 'withdraw' })
    this.#phase = 'closed'
    this.#remoteAddr = ''
    this.#actAt = Infinity
  }

  poll(now: number): ProxyStateOutput | undefined {
    const output = this.#outputs.shift()
    if (output || now < this.#actAt) return output
    this.#phase = 'wait start'
    this.#error = ''
    this.#actAt = now + ANSWER_TIMEOUT_MS
    return { type: 'register' }
  }

  deadline(): number | undefined {
    return this.#actAt === Infinity ? undefined : this.#actAt
  }
}
