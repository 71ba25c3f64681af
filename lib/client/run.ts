// One run of a client from start() to close(). A shell: when to try is decided in reconnect.ts,
// what a session does in control.ts, which way is taken in race.ts.

import { EventEmitter } from 'node:events'
import { formatAddress } from '../address.ts'
import { type Bench, openBench } from '../bench/index.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { ClientConfig } from '../config/index.ts'
import { errorDetail, errorText, TunnelError } from '../errors.ts'
import { type Logger, silentLogger } from '../log.ts'
import { NetworkKeeper, type PeerStatus, type ServerView } from '../peer/index.ts'
import { LocalProxy } from '../proxy/local.ts'
import type { CloseReason, Session } from '../transport/transport.ts'
import { deriveKey } from '../wire/cipher.ts'
import { attempt, type Way } from './attempt.ts'
import type { Client, ClientOptions, ClientSetup } from './client.ts'
import { createDialer } from './dialers.ts'
import { holeNetwork, ownStunServers } from './hole-network.ts'
import { Link, type LinkSetup } from './link.ts'
import { printable } from './names.ts'
import { checkProxy } from './new-proxy.ts'
import { Reconnect } from './reconnect.ts'
import type { ClientEvents, ProxyStatus, SessionInfo, VisitorStatus } from './status.ts'
import { Visitors } from './visitors.ts'

/** While the server stays away, attempts are logged once in so long: there is one each second. */
const LOG_AGAIN_MS = 10_000
/** On top of dialServerTimeout; control.ts gives a login as much. */
const LOGIN_ALLOWANCE_MS = 10_000
const DEFAULT_GRACE_MS = 1_000
/** What ending the session and the sockets may take after the grace. */
const CLOSE_LIMIT_MS = 900
const NO_RETRIES = 'With loginFailExit enabled, no additional retries will be attempted'

export class ClientRun extends EventEmitter<ClientEvents> implements Client {
  readonly closed: Promise<void>
  readonly #config: ClientConfig
  readonly #proxies: ReadonlyMap<string, LocalProxy>
  readonly #log: Logger
  readonly #clock: Clock
  readonly #visitors: Visitors
  readonly #network: NetworkKeeper
  readonly #needsNetwork: boolean
  readonly #reconnect: Reconnect
  readonly #encryptionKey: Buffer
  #settleClosed: () => void = () => {}
  #settleStart: ((error?: TunnelError) => void) | undefined
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #way: Way | undefined
  #link: Link | undefined
  /** The attempt under way and how to cut it off. */
  #attempt: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined
  #cancelTimer: (() => void) | undefined
  #keepAlive: NodeJS.Timeout | undefined
  #hasLoggedIn = false
  #runId = ''
  #loggedAt = -Infinity

  constructor({ config, proxies, visitors }: ClientSetup, options: ClientOptions) {
    super()
    this.#config = config
    this.#clock = options.clock ?? systemClock
    this.#log = (options.log ?? silentLogger).child({ source: 'client/service' })
    this.#way = options.dialer
    this.#encryptionKey = deriveKey(config.auth.token.reveal())
    const { user } = config
    this.#network = new NetworkKeeper({
      clock: this.#clock,
      log: this.#log,
      stunServers: ownStunServers(config),
      mapsPorts: config.natPortMapping,
      hidesHosts: [...proxies, ...visitors].some(
        one => 'natTraversal' in one && one.natTraversal.disableAssistedAddrs,
      ),
    })
    this.#needsNetwork = [...proxies, ...visitors].some(({ type }) => type === 'xtcp')
    const peers = {
      network: this.#network,
      log: this.#log,
      onChange: () => this.emit('peer', this.peers()),
    }
    const local = { encryptionKey: this.#encryptionKey, clock: this.#clock, user, peers }
    this.#proxies = new Map(
      // In the order of their names, as frp starts them.
      [...proxies]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(proxy => [proxy.name, new LocalProxy(proxy, local)]),
    )
    for (const proxy of proxies) checkProxy(config.user, proxy)
    this.#visitors = new Visitors(visitors, {
      user,
      log: this.#log,
      clock: this.#clock,
      network: this.#network,
      holeNetwork: holeNetwork(config),
      changed: visitor => {
        this.emit('visitor', visitor)
        if (visitor.peer !== undefined) this.emit('peer', this.peers())
      },
    })
    this.#reconnect = new Reconnect(
      {
        loginFailExit: config.loginFailExit,
        attemptLimitMs: config.transport.dialServerTimeout * 1_000 + LOGIN_ALLOWANCE_MS,
        random: Math.random,
      },
      this.#clock.now(),
    )
    this.closed = new Promise(resolve => (this.#settleClosed = resolve))
  }

  start(): Promise<void> {
    this.#starting ??= new Promise((resolve, reject) => {
      this.#settleStart = error => (error ? reject(error) : resolve())
      if (this.#closing) {
        reject(new TunnelError('ABORTED', 'the client is closed'))
        return
      }
      // Between two attempts nothing else keeps the process alive: the clock's timers do not.
      this.#keepAlive = setInterval(() => {}, 0x7fff_ffff)
      this.#drive()
    })
    return this.#starting
  }

  close({ graceMs = DEFAULT_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  status(): ProxyStatus[] {
    return [...this.#proxies].map(([name, proxy]) => {
      const state = this.#link?.proxy(name)
      return {
        name,
        type: proxy.config.type,
        phase: this.#closing ? 'closed' : (state?.phase ?? 'new'),
        localAddr: proxy.localAddr,
        remoteAddr: this.#publicAddr(state?.remoteAddr ?? ''),
        error: state?.error ?? '',
      }
    })
  }

  visitors(): VisitorStatus[] {
    return this.#visitors.status()
  }

  peers(): PeerStatus[] {
    const visited = this.visitors().flatMap(({ peer }) => (peer === undefined ? [] : [peer]))
    return [...visited, ...[...this.#proxies.values()].flatMap(proxy => proxy.peers())]
  }

  session(): SessionInfo | undefined {
    if (!this.#link) return undefined
    const { session, login } = this.#link
    const { protocol, localAddress, remoteAddress } = session
    const { runId, features } = login
    return { protocol, localAddress, remoteAddress, runId, features, ...session.stats() }
  }

  /** What the session tells of frps, for a look at the network. */
  serverView(): ServerView | undefined {
    return this.#link?.serverView()
  }

  async openBench({ seconds }: { readonly seconds: number }): Promise<Bench> {
    const link = this.#link
    if (!link) throw new TunnelError('SESSION_CLOSED', 'there is no session with the server')
    const { session, login } = link
    return openBench({ session, clock: this.#clock, features: login.features, seconds })
  }

  #drive(): void {
    for (;;) {
      const output = this.#reconnect.poll(this.#clock.now())
      if (!output) break
      if (output.type === 'attempt') this.#try(output.limitMs)
      else void this.close({ graceMs: 0 })
    }
    this.#cancelTimer?.()
    const deadline = this.#reconnect.deadline()
    this.#cancelTimer =
      deadline === undefined
        ? undefined
        : this.#clock.after(deadline - this.#clock.now(), () => this.#drive())
  }

  #try(limitMs: number): void {
    const abort = new AbortController()
    const cancelLimit = this.#clock.after(limitMs, () => abort.abort())
    const isLoud = !this.#hasLoggedIn || this.#clock.now() - this.#loggedAt >= LOG_AGAIN_MS
    if (isLoud) this.#loggedAt = this.#clock.now()
    this.#log[isLoud ? 'info' : 'debug']('try to connect to server...')
    const ended = this.#dialAndLogIn(abort.signal).then(
      link => this.#handleLogin(link),
      (error: unknown) => {
        if (this.#closing) return
        const wasCut = abort.signal.aborted
        const reason = wasCut ? 'no login within the time of one attempt' : errorDetail(error)
        this.#log[isLoud ? 'warn' : 'debug'](`connect to server error: ${reason}`)
        this.#handleFailure(error, { reason, wasCut })
      },
    )
    this.#attempt = {
      abort,
      ended: ended.finally(() => {
        cancelLimit()
        this.#attempt = undefined
        this.#drive()
      }),
    }
  }

  async #dialAndLogIn(signal: AbortSignal): Promise<Link> {
    const options = { log: this.#log, clock: this.#clock }
    const way = this.#way ?? (await createDialer(this.#config, options))
    this.#way = way
    return attempt(way, session => this.#logIn(session), { signal })
  }

  #logIn(session: Session): Promise<Link> {
    const { protocol, localAddress, remoteAddress } = session
    this.#log.info(`connected to ${formatAddress(remoteAddress)} over ${protocol}`)
    this.emit('path', { protocol, localAddress, remoteAddress })
    const setup: LinkSetup = {
      config: this.#config,
      proxies: this.#proxies,
      encryptionKey: this.#encryptionKey,
      clock: this.#clock,
      log: this.#log,
      events: {
        proxyUp: (name, remoteAddr) => {
          this.emit('proxyUp', { name, remoteAddr: this.#publicAddr(remoteAddr) })
        },
        proxyRefused: (name, error) => this.emit('proxyDown', { name, error }),
        joined: (name, { source }, { ended }) => {
          this.emit('workStream', { proxy: name, source, ended })
        },
      },
    }
    return Link.logIn(session, this.#runId, setup)
  }

  #handleLogin(link: Link): void {
    const { runId, serverVersion, features } = link.login
    this.#link = link
    this.#runId = runId
    this.#hasLoggedIn = true
    this.#loggedAt = -Infinity
    this.#reconnect.handleConnected(this.#clock.now())
    void link.closed.then(reason => this.#handleLost(link, reason))
    const { session, signalling } = link
    if (this.#needsNetwork) {
      this.#network.handleServer(link.serverView())
      void this.#network.start()
    }
    const { stunServers } = link.holeNetwork()
    this.#visitors.attach({ session, runId, features, signalling, stunServers })
    this.#settleStart?.()
    this.emit('login', { runId, serverVersion, features })
  }

  #handleFailure(error: unknown, { reason, wasCut }: { reason: string; wasCut: boolean }): void {
    const code = error instanceof TunnelError ? error.code : 'CONNECT_FAILED'
    if (!this.#hasLoggedIn && this.#config.loginFailExit) {
      const line = `login to the server failed: ${reason}. ${NO_RETRIES}`
      this.#settleStart?.(new TunnelError(wasCut ? 'TIMED_OUT' : code, line, { cause: error }))
    }
    const refused = code === 'LOGIN_REFUSED'
    const failure = wasCut ? 'timed-out' : refused ? 'login-refused' : 'unreachable'
    this.#reconnect.handleFailed(failure, this.#clock.now())
  }

  #handleLost(link: Link, reason: CloseReason): void {
    if (this.#link !== link) return
    const up = [...this.#proxies.keys()].filter(name => link.proxy(name)?.phase === 'running')
    this.#link = undefined
    this.#visitors.detach()
    if (!this.#closing) this.#log.warn(`the session is over: ${printable(reason.detail)}`)
    this.#reconnect.handleLost(this.#clock.now())
    const error = `the session is over: ${reason.detail}`
    for (const name of up) this.emit('proxyDown', { name, error })
    this.emit('disconnect', reason)
    this.#drive()
  }

  async #close(graceMs: number): Promise<void> {
    this.#reconnect.stop()
    this.#cancelTimer?.()
    this.#settleStart?.(new TunnelError('ABORTED', 'the client was closed before its first login'))
    const link = this.#link
    const visited = this.#visitors.close()
    if (link) await this.#within(graceMs, Promise.all([link.drain(), visited]))
    // Peers hear of it over the relay, too: before the session is over.
    const hasPeers = this.peers().length > 0
    this.#visitors.end()
    for (const proxy of this.#proxies.values()) proxy.close()
    // What they said leaves at the end of a turn of the loop.
    if (hasPeers) await new Promise<void>(resolve => setImmediate(() => setImmediate(resolve)))
    await this.#within(CLOSE_LIMIT_MS, this.#end(link))
    await this.#within(CLOSE_LIMIT_MS, this.#network.close())
    clearInterval(this.#keepAlive)
    this.#settleClosed()
    this.emit('close')
  }

  async #end(link: Link | undefined): Promise<void> {
    const running = this.#attempt
    running?.abort.abort()
    await running?.ended
    await Promise.all([link?.close('the client stops'), this.#link?.close('the client stops')])
    await this.#way?.close()
  }

  /** Resolves with the work, whatever comes of it, or after `limitMs`. */
  #within(limitMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#clock.after(limitMs, resolve)
      const finish = (): void => {
        cancel()
        resolve()
      }
      work.then(finish, (error: unknown) => {
        this.#log.debug(`while closing: ${errorText(error)}`)
        finish()
      })
    })
  }

  /** frps tells only `:6000` for its own address; the client knows by which name it is reached. */
  #publicAddr(remoteAddr: string): string {
    if (!remoteAddr.startsWith(':')) return remoteAddr
    const { serverAddr } = this.#config
    return `${serverAddr.includes(':') ? `[${serverAddr}]` : serverAddr}${remoteAddr}`
  }
}
