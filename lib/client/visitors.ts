// The visitors of a client: they live as long as it does, and use whichever session is logged in.

import type { Clock } from '../clock.ts'
import type { VisitorConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { HoleNetwork } from '../nathole/index.ts'
import type { PeerNetwork } from '../peer/index.ts'
import { createVisitor, type Visitor, type VisitorSession } from '../visitor/index.ts'
import type { VisitorStatus } from './status.ts'

export interface VisitorsOptions {
  readonly user: string
  readonly log: Logger
  readonly clock: Clock
  readonly network: PeerNetwork
  readonly holeNetwork: HoleNetwork
  readonly changed: (visitor: VisitorStatus) => void
}

/** How long a user waits for the next session while the client reconnects. */
const SESSION_WAIT_MS = 10_000

interface Waiter {
  resolve(session: VisitorSession): void
  reject(error: TunnelError): void
}

export class Visitors {
  readonly #options: VisitorsOptions
  readonly #visitors: readonly { readonly config: VisitorConfig; readonly visitor: Visitor }[]
  readonly #waiters = new Set<Waiter>()
  #session: VisitorSession | undefined

  /** Throws UNSUPPORTED for a type that does not exist yet. */
  constructor(configs: readonly VisitorConfig[], options: VisitorsOptions) {
    this.#options = options
    this.#visitors = configs.map(config => ({ config, visitor: this.#create(config) }))
  }

  /** A session has logged in. Doors open with the first one and stay open between sessions. */
  attach(session: VisitorSession): void {
    this.#session = session
    for (const { resolve } of this.#waiters) resolve(session)
    for (const { visitor } of this.#visitors) visitor.start()
  }

  /** It is over; its streams end by themselves. */
  detach(): void {
    this.#session = undefined
  }

  status(): VisitorStatus[] {
    return this.#visitors.map(({ config, visitor }) => statusOf(config, visitor))
  }

  /** Closes the doors; resolves when the last user has left. */
  async close(): Promise<void> {
    const error = new TunnelError('SESSION_CLOSED', 'the client stops')
    for (const { reject } of this.#waiters) reject(error)
    await Promise.all(this.#visitors.map(({ visitor }) => visitor.close()))
  }

  /** Drops the users who have not left. */
  end(): void {
    for (const { visitor } of this.#visitors) visitor.end?.()
  }

  #create(config: VisitorConfig): Visitor {
    const { user, log, clock, network, holeNetwork, changed } = this.#options
    const visitor: Visitor = createVisitor(config, {
      user,
      clock,
      log: log.child({ source: 'client/visitor', tags: [config.name] }),
      network,
      holeNetwork,
      visitor: name => this.#visitors.find(({ config }) => config.name === name)?.visitor,
      session: ({ signal }) => this.#next(signal),
      current: () => this.#session,
      changed: () => changed(statusOf(config, visitor)),
    })
    return visitor
  }

  #next(signal: AbortSignal): Promise<VisitorSession> {
    if (this.#session) return Promise.resolve(this.#session)
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        cancel()
        this.#waiters.delete(waiter)
        signal.removeEventListener('abort', onAbort)
      }
      const waiter = {
        resolve: (session: VisitorSession): void => {
          finish()
          resolve(session)
        },
        reject: (error: TunnelError): void => {
          finish()
          reject(error)
        },
      }
      const onAbort = (): void => waiter.reject(new TunnelError('ABORTED', 'the user left'))
      const cancel = this.#options.clock.after(SESSION_WAIT_MS, () => {
        waiter.reject(new TunnelError('SESSION_CLOSED', 'there is no session with the server'))
      })
      this.#waiters.add(waiter)
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
    })
  }
}

function statusOf({ name, type }: VisitorConfig, visitor: Visitor): VisitorStatus {
  return { name, type, ...visitor.state() }
}
