// The way of an xtcp visitor to an owner of ours: one peer connection for all users. It is there
// before the first of them comes, over frps, so that nobody waits for a handshake or a hole; it
// outlives sessions with frps, and each new one gives it its relay again.

import { randomBytes } from 'node:crypto'
import type { Address } from '../address.ts'
import type { XtcpVisitorConfig } from '../config/index.ts'
import { type FlowLink, openFlowLink } from '../datagram/index.ts'
import type { SessionKeys } from '../e2e/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { openStreamOf, type Peer, type PeerNetwork, type PeerStatus } from '../peer/index.ts'
import { visitorPeer } from '../peer/index.ts'
import { layerStream } from '../stream/layers.ts'
import { rehearse } from '../stream/rehearsal.ts'
import { splice } from '../stream/splice.ts'
import type { Session } from '../transport/transport.ts'
import type { Target } from './exchange.ts'
import type { VisitorHost } from './host.ts'
import { nextPoll } from './first-bytes.ts'
import { openEarlyPath, openPacketPath } from './packet-path.ts'
import { END_TO_END, type PathStream, type Route, type VisitorPath } from './path.ts'

/** After a failure; doubles up to the second. A user who comes makes it try at once. */
const RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
/** An owner who lost its session logs in again within a second or two. */
const OWNER_ABSENCE_MS = 10_000
/** After the connection is there: punching comes first. */
const REHEARSAL_MS = 150
/** How long a user waits for a direct path where only that is allowed; frp's wait for a tunnel. */
const DIRECT_TIMEOUT_MS = 20_000

export interface PeerPathOptions {
  readonly host: VisitorHost
  readonly network: PeerNetwork
  readonly target: Target
}

/** The link may not be answered yet. */
interface Begun {
  readonly peer: Peer
  readonly link: FlowLink
  readonly connecting: Promise<Session>
}

interface Connected {
  readonly peer: Peer
  readonly session: Session
}

export class PeerPath implements VisitorPath {
  readonly #config: XtcpVisitorConfig
  readonly #options: PeerPathOptions
  readonly #closing = new AbortController()
  #connected: Connected | undefined
  #connecting: Promise<Connected> | undefined
  #link: FlowLink | undefined
  /** Of users who wait for a direct path. */
  readonly #checks = new Set<() => void>()
  #relaying: Promise<void> | undefined
  /** Names this end's connection at the owner, who may know it from a session before. */
  #address: Address = newAddress()
  #retryMs = RETRY_MS
  #isRehearsed = false
  #refusedAt: number | undefined
  #cancelRetry: (() => void) | undefined
  #onRoute: ((route: Route | undefined) => void) | undefined

  constructor(config: XtcpVisitorConfig, options: PeerPathOptions) {
    this.#config = config
    this.#options = options
  }

  get route(): Route | undefined {
    const status = this.status()
    if (status === undefined) return undefined
    const session = this.#options.host.current()?.session
    if (status.path === 'relay') {
      return session && { kind: 'relay', address: session.remoteAddress }
    }
    return { kind: 'direct', address: status.remote ?? { ip: '', port: 0 } }
  }

  onRoute(handler: (route: Route | undefined) => void): void {
    this.#onRoute = handler
  }

  status(): PeerStatus | undefined {
    return this.#connected?.peer.status()
  }

  /** Connects now, and again whenever the connection is lost. Rejects once with UNSUPPORTED. */
  async start(): Promise<void> {
    await this.#connect()
  }

  async openStream({ signal }: { readonly signal: AbortSignal }): Promise<PathStream> {
    const { peer, session } = await this.#usable(signal)
    const compression = this.#config.transport.useCompression
    await nextPoll()
    const stream = await openStreamOf(session, { kind: 'bytes', compression })
    peer.track(stream, 'bytes')
    return { stream: layerStream(stream, { compression }), halfClose: true, isAccepted: true }
  }

  /** A way for the packets of all users of a udp service. Rejects as openStream. */
  async openPackets({ signal }: { readonly signal: AbortSignal }): Promise<{
    readonly link: FlowLink
    readonly isEndToEnd: boolean
  }> {
    const { peer, session } = await this.#usable(signal)
    const stream = await openStreamOf(session, { kind: 'packets', compression: false })
    peer.track(stream, 'packets')
    const { clock } = this.#options.host
    const link = await openFlowLink({ stream, session, clock })
    return { link, isEndToEnd: true }
  }

  /** Streams that run end with their users. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#cancelRetry?.()
    const connected = this.#connected
    if (connected === undefined) return
    if (connected.peer.users === 0) this.end()
    else connected.peer.onIdle(() => this.end())
  }

  end(): void {
    this.#connected?.peer.close('the visitor stops')
    this.#link?.close()
  }

  /** A connection that users may take; with `relay = false` it has to be a direct one. */
  async #usable(signal: AbortSignal): Promise<Connected> {
    const connected = await unlessAborted(this.#connect(), signal)
    if (connected.peer.takesUsers) return connected
    const { fallbackTo, fallbackTimeoutMs } = this.#config
    const timeoutMs = fallbackTo === '' ? DIRECT_TIMEOUT_MS : fallbackTimeoutMs
    await unlessAborted(this.#whenDirect(connected.peer, timeoutMs), signal)
    return connected
  }

  #whenDirect(peer: Peer, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: TunnelError): void => {
        cancel()
        this.#checks.delete(check)
        if (error === undefined) resolve()
        else reject(error)
      }
      const check = (): void => {
        const { reason } = peer.status()
        if (peer.takesUsers) settle()
        else if (peer.isOver) settle(new TunnelError('SESSION_CLOSED', 'the peer connection is over'))
        else if (peer.isHopeless) {
          const detail = `no direct path is possible (${reason}), and relay is false`
          settle(new TunnelError('CONNECT_FAILED', detail))
        }
      }
      const cancel = this.#options.host.clock.after(timeoutMs, () => {
        const detail = `no direct path in ${timeoutMs / 1_000} s (${peer.status().reason})`
        settle(new TunnelError('TIMED_OUT', `${detail}, and relay is false`))
      })
      this.#checks.add(check)
      check()
    })
  }

  #connect(): Promise<Connected> {
    if (this.#connected !== undefined) return Promise.resolve(this.#connected)
    this.#connecting ??= this.#open().then(
      connected => {
        this.#connecting = undefined
        this.#retryMs = RETRY_MS
        return connected
      },
      (error: unknown) => {
        this.#connecting = undefined
        this.#retryLater(error)
        throw error
      },
    )
    return this.#connecting
  }

  async #open(): Promise<Connected> {
    const { host, target } = this.#options
    const { signal } = this.#closing
    this.#cancelRetry?.()
    this.#address = newAddress()
    let last: Begun | undefined
    const begin = (link: FlowLink, keys: SessionKeys): Begun => {
      last?.peer.close('the owner has another prekey')
      last = this.#begin(link, keys)
      return last
    }
    try {
      const { begun, sealed } = await openEarlyPath(target, host, { signal, begin })
      const { peer, link, connecting } = begun
      peer.handleObserved(sealed.observed)
      this.#useLink(link, peer)
      return this.#use({ peer, session: await connecting })
    } catch (error) {
      last?.peer.close(errorDetail(error))
      last?.link.close()
      throw error
    }
  }

  #use(connected: Connected): Connected {
    const { host } = this.#options
    const { peer } = connected
    this.#connected = connected
    host.clock.after(REHEARSAL_MS, () => this.#rehearse(connected))
    host.log.info(`peer connection established, ${END_TO_END}`)
    void peer.closed.then(reason => this.#handleClosed(peer, reason))
    this.#handleChange()
    return connected
  }

  /** The handshake begins on the way that the owner has not agreed to yet. */
  #begin(link: FlowLink, keys: SessionKeys): Begun {
    const { host, network, target } = this.#options
    const { peer, connect } = visitorPeer({
      name: target.name,
      keys,
      network,
      clock: host.clock,
      log: host.log,
      mayRelay: this.#config.relay,
      onChange: () => this.#handleChange(),
      signal: this.#closing.signal,
    })
    const flow = link.open(this.#address)
    if (flow === undefined) {
      link.close()
      peer.close('the way over the server is over')
    } else {
      peer.attachRelay(flow)
    }
    const connecting = connect()
    // Whoever awaits it learns of a failure.
    connecting.catch(ignore)
    return { peer, link, connecting }
  }

  /** Once: the code is the same for all. */
  #rehearse({ peer, session }: Connected): void {
    if (this.#isRehearsed || peer.isOver || this.#config.network === 'udp') return
    this.#isRehearsed = true
    void rehearse(user => {
      const { useCompression: compression } = this.#config.transport
      openStreamOf(session, { kind: 'rehearsal', compression }).then(
        stream => void splice(user, layerStream(stream, { compression }), { halfClose: true }),
        () => user.destroy(),
      )
    })
  }

  #useLink(link: FlowLink, peer: Peer): void {
    this.#link = link
    void link.closed.then(() => {
      if (this.#link === link) this.#link = undefined
      if (!peer.isOver && this.#link === undefined) this.#relay(peer)
    })
  }

  /** The session with frps was lost: the next one gives the connection its relay again. */
  #relay(peer: Peer): void {
    const { signal } = this.#closing
    if (signal.aborted || this.#relaying !== undefined) return
    const { host, target } = this.#options
    this.#relaying = openPacketPath(target, host, { signal })
      .then(({ link, sealed }) => {
        this.#relaying = undefined
        const flow = peer.isOver ? undefined : link.open(this.#address)
        if (flow === undefined) {
          link.close()
          return
        }
        this.#refusedAt = undefined
        peer.handleObserved(sealed?.observed)
        peer.attachRelay(flow)
        this.#useLink(link, peer)
      })
      .catch((error: unknown) => {
        this.#relaying = undefined
        if (peer.isOver || signal.aborted) return
        const text = errorDetail(error)
        host.log.debug(`no relay for the peer connection: ${text}`)
        if (this.#isOwnerGone(peer, error)) {
          peer.close(`the owner has left (${text})`)
          return
        }
        host.clock.after(RETRY_MS, () => {
          if (!peer.isOver && this.#link === undefined) this.#relay(peer)
        })
      })
  }

  /**
   * frps does not know the proxy any more and there is no direct path: the owner may be about to log
   * in again, but not for long.
   */
  #isOwnerGone(peer: Peer, error: unknown): boolean {
    const isRefused = error instanceof TunnelError && error.code === 'PROXY_REFUSED'
    if (!isRefused || peer.status().path !== 'relay') {
      this.#refusedAt = undefined
      return false
    }
    const now = this.#options.host.clock.now()
    this.#refusedAt ??= now
    return now - this.#refusedAt >= OWNER_ABSENCE_MS
  }

  #handleChange(): void {
    for (const check of [...this.#checks]) check()
    this.#onRoute?.(this.route)
  }

  #handleClosed(peer: Peer, reason: string): void {
    if (this.#connected?.peer !== peer) return
    this.#connected = undefined
    this.#link?.close()
    if (this.#closing.signal.aborted) return
    this.#options.host.log.info(`peer connection is over: ${reason}`)
    this.#handleChange()
    this.#retryLater(undefined)
  }

  #retryLater(error: unknown): void {
    const { host } = this.#options
    if (this.#closing.signal.aborted) return
    if (error instanceof TunnelError && error.code === 'UNSUPPORTED') return
    if (error !== undefined) {
      const wait = `next try in ${Math.round(this.#retryMs / 1_000)} s`
      host.log.warn(`no peer connection to the proxy: ${errorDetail(error)} (${wait})`)
    }
    this.#cancelRetry?.()
    this.#cancelRetry = host.clock.after(this.#retryMs, () => {
      this.#connect().catch(ignore)
    })
    this.#retryMs = Math.min(MAX_RETRY_MS, 2 * this.#retryMs)
  }
}

/** 128 random bits as an address (RFC 4193), which flows are named by. */
function newAddress(): Address {
  const groups = randomBytes(16).toString('hex').match(/.{4}/g) ?? []
  return { ip: ['fd00', ...groups.slice(1)].join(':'), port: 1 }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new TunnelError('ABORTED', 'the user left'))
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function ignore(): void {}
