// One session with the server, from Login to its end: drives the control machine, moves its
// messages, and gives the server's streams to the work streams. A shell; decisions are in
// control.ts.

import { formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ClientConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type HoleNetwork, HoleRequests } from '../nathole/index.ts'
import { requestFilterTest, type ServerView } from '../peer/index.ts'
import type { PacketWay } from '../proxy/host.ts'
import type { Joined, UserConnection } from '../proxy/join.ts'
import type { LocalProxy } from '../proxy/local.ts'
import type { CloseReason, Session, Stream } from '../transport/transport.ts'
import { MessageChannel } from '../wire/channel.ts'
import type { Draft, NewProxy } from '../wire/messages.ts'
import { ClientControl, type ControlOutput } from './control.ts'
import { holeNetwork } from './hole-network.ts'
import { credentials, loginMessage } from './login.ts'
import { printable, rawName, wireName } from './names.ts'
import { newProxyMessage } from './new-proxy.ts'
import type { ProxyState } from './proxy-state.ts'
import { SecretProxies } from './secret-proxies.ts'
import { stunServersOf, type StunOffer } from './stun-servers.ts'
import { WorkStreams } from './work-streams.ts'

export interface LinkSetup {
  readonly config: ClientConfig
  /** By name, without the user prefix. */
  readonly proxies: ReadonlyMap<string, LocalProxy>
  /** The key of the token. */
  readonly encryptionKey: Buffer
  readonly clock: Clock
  /** Without the run id, which it gets here. */
  readonly log: Logger
  readonly events: LinkEvents
}

/** Names without the user prefix. */
export interface LinkEvents {
  proxyUp(name: string, remoteAddr: string): void
  /** The server refused it; `error` is the server's text. */
  proxyRefused(name: string, error: string): void
  joined(name: string, user: UserConnection, joined: Joined): void
}

export interface LoginResult {
  readonly runId: string
  readonly serverVersion: string
  readonly features: readonly string[]
  readonly stun?: StunOffer
}

/** Owns the session: it is closed when the control ends, and the control ends with it. */
export class Link {
  readonly session: Session
  /** Never rejects; pending until a link that was logged in is over. */
  readonly closed: Promise<CloseReason>
  /** Of frp's hole punching. */
  readonly signalling: HoleRequests
  readonly #setup: LinkSetup
  readonly #control: ClientControl
  readonly #channel: MessageChannel
  readonly #secrets: SecretProxies
  readonly #proxyLogs = new Map<string, Logger>()
  #log: Logger
  #login: LoginResult | undefined
  #onLogin: ((error?: TunnelError) => void) | undefined
  #workStreams: WorkStreams | undefined
  #cancelTimer: (() => void) | undefined
  #isDraining = false
  #settleClosed: (reason: CloseReason) => void = () => {}
  #isOver = false

  /**
   * Opens the control stream and logs in. Rejects with LOGIN_REFUSED, TIMED_OUT, PROTOCOL_ERROR,
   * SESSION_CLOSED.
   */
  static async logIn(session: Session, runId: string, setup: LinkSetup): Promise<Link> {
    const stream = await session.openStream()
    const link = new Link(session, stream, runId, setup)
    await new Promise<void>((resolve, reject) => {
      link.#onLogin = error => (error ? reject(error) : resolve())
      link.#run()
    })
    return link
  }

  private constructor(session: Session, stream: Stream, runId: string, setup: LinkSetup) {
    const { config, clock } = setup
    this.session = session
    this.#setup = setup
    this.#log = setup.log
    this.closed = new Promise(resolve => (this.#settleClosed = resolve))
    this.#channel = new MessageChannel(stream, { clock })
    this.#secrets = new SecretProxies({
      clock,
      find: name => setup.proxies.get(rawName(config.user, name)),
      send: message => {
        this.#control.send(message)
        this.#drive()
      },
    })
    this.signalling = new HoleRequests({
      clock,
      send: message => {
        this.#control.send(message)
        this.#drive()
      },
    })
    const { heartbeatInterval, heartbeatTimeout } = config.transport
    this.#control = new ClientControl(
      {
        login: loginMessage(config, { runId, unixSeconds: unixSeconds() }),
        proxies: [...setup.proxies.values()].map(proxy =>
          newProxyMessage(config.user, proxy.config),
        ),
        heartbeat: {
          intervalMs: heartbeatInterval * 1_000,
          // Who sends no Ping gets no Pong, so that silence means nothing then.
          timeoutMs: heartbeatInterval > 0 ? heartbeatTimeout * 1_000 : -1,
        },
        pingCredentials: () => credentials(config, 'HeartBeats', unixSeconds()),
      },
      clock.now(),
    )
  }

  get login(): LoginResult {
    return this.#login ?? { runId: '', serverVersion: '', features: [] }
  }

  /** For peer connections. */
  serverView(): ServerView {
    const { session } = this
    return {
      address: session.remoteAddress,
      rttMs: () => session.stats().rttMs,
      stunServers: stunServersOf(this.#login?.stun, {
        serverIp: session.remoteAddress.ip,
        serverAddr: this.#setup.config.serverAddr,
        hasFilterTest: session.canOpen,
      }),
      requestFilterTest: id => requestFilterTest(session, id),
    }
  }

  /** The state of a proxy, name without prefix. */
  proxy(name: string): ProxyState | undefined {
    return this.#control.proxy(wireName(this.#setup.config.user, name))
  }

  /**
   * Tells the server that all proxies end, and resolves when the users who are being served have
   * finished.
   */
  async drain(): Promise<void> {
    this.#isDraining = true
    this.#control.withdraw()
    this.#drive()
    await this.#workStreams?.drain()
  }

  /** Ends the session with everything in it. Resolves when the server has been told. */
  async close(detail: string): Promise<void> {
    this.#end({ by: 'local', detail })
    await this.session.close(detail)
  }

  #run(): void {
    void this.#channel.closed.then(({ by, detail, error }) => this.#end({ by, detail }, error))
    void this.session.closed.then(reason => this.#end(reason))
    this.#channel.onMessage(message => {
      if (message.type === 'NatHoleResp') this.signalling.handleAnswer(message)
      this.#control.handleMessage(message, this.#setup.clock.now())
      this.#drive()
    })
    this.#drive()
  }

  #drive(): void {
    const { clock } = this.#setup
    for (;;) {
      if (this.#isOver) return
      const output = this.#control.poll(clock.now())
      if (!output) break
      this.#perform(output)
    }
    this.#cancelTimer?.()
    const deadline = this.#control.deadline()
    this.#cancelTimer =
      deadline === undefined
        ? undefined
        : clock.after(deadline - clock.now(), () => this.#drive())
  }

  #perform(output: ControlOutput): void {
    const { config, events } = this.#setup
    switch (output.type) {
      case 'send':
        if (output.message.type === 'Ping') this.#log.debug('send heartbeat to server')
        if (output.message.type === 'NewProxy') this.#register(output.message)
        else this.#channel.send(output.message)
        return
      case 'logged-in':
        this.#channel.encrypt(this.#setup.encryptionKey)
        this.#handleLogin(output)
        return
      case 'open-work-stream':
        if (!this.#isDraining) void this.#workStreams?.open()
        return
      case 'proxy-up': {
        const name = rawName(config.user, output.name)
        this.#proxyLog(name).info('start proxy success')
        events.proxyUp(name, output.remoteAddr)
        return
      }
      case 'proxy-refused': {
        const name = rawName(config.user, output.name)
        this.#proxyLog(name).warn(`start error: ${output.error}`)
        events.proxyRefused(name, output.error)
        return
      }
      case 'end': {
        const error = new TunnelError(output.code, output.detail)
        if (this.#login) this.#log.warn(output.detail)
        this.#end({ by: 'local', detail: output.detail }, error)
        return
      }
      default:
        output satisfies never
    }
  }

  #register(message: Draft<NewProxy>): void {
    const sent = this.#secrets.register(message)
    if (typeof sent !== 'string') return this.#channel.send(this.#prioritized(sent))
    const { proxy_name = '' } = message
    const refusal = { proxy_name, remote_addr: '', error: sent }
    const now = this.#setup.clock.now()
    this.#control.handleMessage({ type: 'NewProxyResp', ...refusal }, now)
  }

  /** A real frps gets no word of it. */
  #prioritized(message: Draft<NewProxy>): Draft<NewProxy> {
    const { config, proxies } = this.#setup
    const name = rawName(config.user, message.proxy_name ?? '')
    const priority = proxies.get(name)?.config.transport.priority ?? 'auto'
    if (priority === 'auto' || !this.#login?.features.includes('priority')) return message
    return { ...message, quicfrp: { ...message.quicfrp, priority } }
  }

  #handleLogin(login: LoginResult): void {
    const { config, clock, log, proxies } = this.#setup
    this.#login = login
    this.#secrets.handleLogin(login.features)
    this.#log = log.child({ tags: [printable(login.runId)] })
    this.#log.info(`login to server success, get run id [${printable(login.runId)}]`)
    if (proxies.size > 0) this.#log.info(`proxy added: [${[...proxies.keys()].join(' ')}]`)
    const halfClose = login.features.includes('half-close')
    const packets: PacketWay = login.features.includes('packet-links')
      ? {
          isReal: false,
          session: login.features.includes('datagrams') ? this.session : undefined,
        }
      : { isReal: true }
    const holes = { signalling: this.signalling, network: this.holeNetwork() }
    const workStreams = new WorkStreams({
      session: this.session,
      clock,
      log: this.#log,
      newWorkConn: () => ({
        type: 'NewWorkConn',
        run_id: login.runId,
        ...credentials(config, 'NewWorkConns', unixSeconds()),
      }),
      join: (name, stream, user) => {
        const raw = rawName(config.user, name)
        const proxy = proxies.get(raw)
        if (!proxy || !this.#control.proxy(name)?.takesUsers) return undefined
        const log = this.#proxyLog(raw)
        const joining = proxy.join(stream, user, { halfClose, packets, holes, log })
        return this.#join(raw, joining, user)
      },
    })
    this.#workStreams = workStreams
    this.session.onStream(stream => {
      // Only a server that agreed to it opens streams.
      if (login.features.includes('server-streams')) void workStreams.accept(stream)
      else stream.destroy()
    })
    this.#onLogin?.()
    this.#onLogin = undefined
  }

  /** For frp's own exchange. */
  holeNetwork(): HoleNetwork {
    const { stun } = this.login
    const offered = stun && formatAddress({ ...this.session.remoteAddress, port: stun.port })
    return holeNetwork(this.#setup.config, offered === undefined ? [] : [offered])
  }

  #proxyLog(name: string): Logger {
    let log = this.#proxyLogs.get(name)
    if (!log) {
      log = this.#log.child({ source: 'client/proxy', tags: [name] })
      this.#proxyLogs.set(name, log)
    }
    return log
  }

  async #join(name: string, joining: Promise<Joined>, user: UserConnection): Promise<Joined> {
    const joined = await joining
    this.#secrets.handleVisitor()
    this.#setup.events.joined(name, user, joined)
    return joined
  }

  #end(reason: CloseReason, error?: TunnelError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelTimer?.()
    this.#onLogin?.(error ?? new TunnelError('SESSION_CLOSED', reason.detail))
    this.#channel.destroy()
    this.#secrets.stop()
    this.signalling.close()
    void this.#workStreams?.drain()
    void this.session.close(reason.detail)
    this.#settleClosed(reason)
  }
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}
