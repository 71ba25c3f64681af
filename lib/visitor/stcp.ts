// A visitor of an stcp proxy: a local port whose users are joined with the proxy's service, one
// stream of the path each.

import type { Duplex } from 'node:stream'
import type { VisitorConfig } from '../config/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { PeerStatus } from '../peer/index.ts'
import { splice } from '../stream/splice.ts'
import { Door } from './door.ts'
import { Entrance } from './entrance.ts'
import { KEY_HINT, Target } from './exchange.ts'
import { FirstBytes } from './first-bytes.ts'
import type { Visitor, VisitorHost, VisitorState } from './host.ts'
import type { VisitorPath } from './path.ts'
import { RelayPath } from './relay-path.ts'

/** Users who wait for their stream at one time; each holds a socket. */
const MAX_WAITING = 1_024

export function stcpVisitor(config: VisitorConfig, host: VisitorHost): Visitor {
  const path = new RelayPath(new Target(config, host.user), host)
  return new StreamVisitor(config, { host, path, onStart: () => path.start() })
}

export interface StreamVisitorOptions {
  readonly host: VisitorHost
  readonly path: VisitorPath
  /** The client has logged in for the first time. */
  readonly onStart?: () => void
  /** Of the peer connection, where the path is one. */
  readonly peer?: () => PeerStatus | undefined
  /** Gives a user whom the path has failed to somebody else; true when he was taken. */
  readonly fallback?: (user: Duplex) => boolean
}

/** A visitor whose users speak a byte stream, over whatever path. */
export class StreamVisitor implements Visitor {
  readonly #config: VisitorConfig
  readonly #options: StreamVisitorOptions
  readonly #host: VisitorHost
  readonly #path: VisitorPath
  readonly #door: Door
  readonly #entrance: Entrance
  #waiting = 0
  #users = 0
  /** The service has answered once. */
  #hasServed = false
  #onIdle: (() => void) | undefined

  constructor(config: VisitorConfig, options: StreamVisitorOptions) {
    const { host, path } = options
    this.#config = config
    this.#options = options
    this.#host = host
    this.#path = path
    path.onRoute(() => host.changed())
    const { bindAddr, bindPort } = config
    const { log, clock } = host
    this.#door = new Door({
      bindAddr,
      bindPort,
      log,
      clock,
      onUser: socket => this.serve(socket),
      onChange: () => this.#entrance.handleChange(),
    })
    this.#entrance = new Entrance(this.#door, { bindPort, host })
  }

  start(): void {
    if (this.#entrance.start()) this.#options.onStart?.()
  }

  state(): VisitorState {
    const peer = this.#options.peer?.()
    return { ...this.#entrance.state(), route: this.#path.route, ...(peer && { peer }) }
  }

  serve(user: Duplex): void {
    user.on('error', ignore)
    if (this.#entrance.isClosed || this.#waiting >= MAX_WAITING) {
      user.destroy()
      return
    }
    this.#waiting++
    this.#users++
    const gone = new AbortController()
    const onClose = (): void => gone.abort()
    user.once('close', onClose)
    this.#join(user, gone.signal)
      .catch((error: unknown) => {
        if (this.#fallBack(user)) return
        user.destroy()
        if (error instanceof TunnelError && error.code === 'ABORTED') return
        this.#host.log.warn(`no connection to the proxy: ${errorDetail(error)}`)
      })
      .finally(() => {
        user.off('close', onClose)
        this.#users--
        if (this.#users === 0) this.#onIdle?.()
      })
  }

  async close(): Promise<void> {
    this.#entrance.close()
    this.#door.close()
    await this.#path.close()
    if (this.#users > 0) await new Promise<void>(resolve => (this.#onIdle = resolve))
  }

  end(): void {
    this.#path.end?.()
  }

  async #join(user: Duplex, signal: AbortSignal): Promise<void> {
    const first = new FirstBytes(user)
    const opening = this.#path.openStream({ signal, first }).finally(() => {
      this.#waiting--
      first.stop()
    })
    const { stream, halfClose, isAccepted } = await opening
    if (user.destroyed) {
      stream.destroy()
      return
    }
    const { error, bToA } = await splice(user, stream, { halfClose })
    if (bToA > 0) this.#hasServed = true
    const why = isAccepted ? undefined : this.#refusal(error)
    if (why === undefined) return
    this.#host.log.warn(`visitor connection of [${this.#config.serverName}]: ${why}`)
  }

  /** What to tell of a stream that ended with `error`, where the owner let nobody in. */
  #refusal(error: unknown): string | undefined {
    if (!(error instanceof TunnelError)) return undefined
    const { code, detail } = error
    if (code === 'AUTH_FAILED') return detail === 'auth failed' ? `${detail}; ${KEY_HINT}` : detail
    // An owner whose proxy is of another type cannot say why; one whose service is down does not.
    if (code !== 'STREAM_RESET' || this.#hasServed) return undefined
    return `the proxy's side ended it before it said anything; is its service up, and ${KEY_HINT}`
  }

  #fallBack(user: Duplex): boolean {
    if (user.destroyed || this.#entrance.isClosed) return false
    return this.#options.fallback?.(user) === true
  }
}

function ignore(): void {}
