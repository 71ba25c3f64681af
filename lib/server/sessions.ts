// Which client has which run id. A login with a run id that is taken replaces the old control, but
// only after the old one has given its ports back; of several that wait for this, the last one
// wins. Sans-IO. Rules of frp (frp-wire.md section 4.3).

export type SessionsOutput<C> =
  /** This one is now the control of its run id. */
  | { readonly type: 'admit'; readonly control: C }
  /** Close this one; say `handleGone` when its proxies are closed. */
  | { readonly type: 'replace'; readonly control: C }
  /** Answer its login with this text and close it. */
  | { readonly type: 'fail'; readonly control: C; readonly reason: string }

/** What a login names itself by. */
export interface SessionClaim {
  readonly runId: string
  readonly user: string
  /** Empty when the client has none. */
  readonly clientId: string
}

interface Entry<C> {
  current: Holder<C>
  waiting: Holder<C> | undefined
}

interface Holder<C> {
  readonly control: C
  readonly claim: SessionClaim
}

/** `C` is whatever a control is to the driver; it is compared by identity. */
export class Sessions<C> {
  readonly #byRunId = new Map<string, Entry<C>>()
  /** `user.clientId` of those that are admitted. */
  readonly #online = new Map<string, C>()
  readonly #outputs: SessionsOutput<C>[] = []

  /** Admitted controls, the oldest first. */
  controls(): C[] {
    return [...this.#byRunId.values()].map(({ current }) => current.control)
  }

  /** The control that work streams with this run id belong to. */
  find(runId: string): C | undefined {
    return this.#byRunId.get(runId)?.current.control
  }

  has(runId: string): boolean {
    return this.#byRunId.has(runId)
  }

  /** A login passed its checks. */
  handleLogin(control: C, claim: SessionClaim): void {
    const entry = this.#byRunId.get(claim.runId)
    const holder = { control, claim }
    if (entry === undefined) {
      this.#admit(holder)
      return
    }
    if (entry.waiting !== undefined) {
      const reason = 'control was replaced during login'
      this.#outputs.push({ type: 'fail', control: entry.waiting.control, reason })
    } else {
      this.#outputs.push({ type: 'replace', control: entry.current.control })
    }
    entry.waiting = holder
  }

  /**
   * A control that was admitted or waits has closed and given everything back. Anything else is
   * ignored.
   */
  handleGone(control: C, runId: string): void {
    const entry = this.#byRunId.get(runId)
    if (entry === undefined) return
    if (entry.waiting?.control === control) {
      entry.waiting = undefined
      return
    }
    if (entry.current.control !== control) return
    this.#byRunId.delete(runId)
    const { clientId } = entry.current.claim
    if (clientId !== '') this.#online.delete(onlineKey(entry.current.claim))
    if (entry.waiting !== undefined) this.#admit(entry.waiting)
  }

  poll(): SessionsOutput<C> | undefined {
    return this.#outputs.shift()
  }

  #admit(holder: Holder<C>): void {
    const { control, claim } = holder
    if (claim.clientId !== '') {
      const key = onlineKey(claim)
      if (this.#online.has(key)) {
        const reason = `client_id [${claim.clientId}] for user [${claim.user}] is already online`
        this.#outputs.push({ type: 'fail', control, reason })
        return
      }
      this.#online.set(key, control)
    }
    this.#byRunId.set(claim.runId, { current: holder, waiting: undefined })
    this.#outputs.push({ type: 'admit', control })
  }
}

/** A user may contain a dot, so the pair is not simply joined by one. */
function onlineKey({ user, clientId }: SessionClaim): string {
  return JSON.stringify([user, clientId])
}
