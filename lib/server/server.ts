// The server: listeners, the sessions they bring, and the clients that logged in. A shell: what it
// decides is decided in the machines beside it.

import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Address } from '../address.ts'
import { BenchHost, refuseBench } from '../bench/index.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { ServerConfig } from '../config/index.ts'
import { errorDetail, errorText, TunnelError } from '../errors.ts'
import { type Logger, silentLogger } from '../log.ts'
import type { Listener, ListenerEvents, Session, Stream } from '../transport/transport.ts'
import type { MessageChannel } from '../wire/channel.ts'
import { deriveKey } from '../wire/cipher.ts'
import type {
  Login,
  NewBench,
  NewVisitorConn,
  NewWorkConn,
  StartBench,
  StunTest,
} from '../wire/messages.ts'
import { ConnectedClient, loginLine } from './connected-client.ts'
import type { ServerContext } from './context.ts'
import { Incoming } from './incoming.ts'
import { acceptLogin, checkWorkConn, errorForClient } from './login.ts'
import { NatHoles } from './natholes.ts'
import { openNetwork } from './network.ts'
import { inLog, refuseLogin, refuseWorkStream } from './refusal.ts'
import { PortTable } from './ports.ts'
import { Sessions } from './sessions.ts'
import type { ClientStatus, ServerEvents } from './status.ts'
import { StunService } from './stun.ts'
import { UserPorts } from './user-ports.ts'
import { UserUdpPorts } from './user-udp-ports.ts'
import { Visitors } from './visitors.ts'

export interface ServerOptions {
  /** Default: silent. */
  readonly log?: Logger
  /** Default: the system's clock. Tests turn the hands themselves. */
  readonly clock?: Clock
  /**
   * Opens the listeners instead of those that the config asks for; for tests over the memory
   * transport.
   */
  readonly listen?: (events: ListenerEvents) => Promise<readonly Listener[]>
}

/** Addresses that clients can reach; a part that is not listening is absent. */
export interface ServerAddresses {
  readonly tcp?: Address
  readonly quic?: Address
}

/** Nothing happens before `start()`. */
export function createServer(config: ServerConfig, options: ServerOptions = {}): Server {
  return new Server(config, options)
}

export class Server extends EventEmitter<ServerEvents> {
  readonly #config: ServerConfig
  readonly #log: Logger
  readonly #clock: Clock
  readonly #listen: (events: ListenerEvents) => Promise<readonly Listener[]>
  readonly #context: ServerContext
  readonly #incoming: Incoming
  /** Only where benches are allowed. */
  readonly #benches: BenchHost | undefined
  readonly #registry = new Sessions<ConnectedClient>()
  /** Also those whose login waits for the end of an older one. */
  readonly #bySession = new Map<Session, ConnectedClient>()
  #listeners: readonly Listener[] = []
  #closing: Promise<void> | undefined

  constructor(config: ServerConfig, options: ServerOptions) {
    super()
    const log = options.log ?? silentLogger
    const clock = options.clock ?? systemClock
    this.#config = config
    this.#log = log.child({ source: 'server/service' })
    this.#clock = clock
    this.#listen = options.listen ?? (events => openNetwork(config, events))
    const { allowPorts, proxyBindAddr: bindAddr } = config
    const stun = new StunService({ config, clock, log: this.#log })
    const newTable = (): PortTable => new PortTable({ allowPorts, random: Math.random })
    this.#context = {
      config,
      clock,
      log,
      names: new Map(),
      ports: new UserPorts({ table: newTable(), bindAddr, clock }),
      udpPorts: new UserUdpPorts({
        table: newTable(),
        bindAddr,
        clock,
        reclaim: port => stun.leave(port),
      }),
      key: deriveKey(config.auth.token.reveal()),
      visitors: new Visitors({
        clock,
        log: this.#log,
        errorForVisitor: reason => errorForClient('register visitor conn error', reason, config),
      }),
      natHoles: new NatHoles({
        clock,
        log: this.#log,
        reserveMs: config.natholeAnalysisDataReserveHours * 3_600_000,
      }),
      stun,
      emit: (name, ...args) => this.#emit(name, ...args),
    }
    this.#benches = config.allowBench ? new BenchHost({ clock, log: this.#log }) : undefined
    this.#incoming = new Incoming(
      {
        onLogin: (session, channel, login) => this.#handleLogin(session, channel, login),
        onWorkConn: (stream, message) => this.#handleWorkConn(stream, message),
        onVisitorConn: (session, channel, message) =>
          this.#handleVisitorConn(session, channel, message),
        onStunTest: (session, channel, message) =>
          this.#handleStunTest(session, channel, message),
        onNewBench: (session, channel, message) => this.#handleNewBench(session, channel, message),
        onStartBench: (session, channel, message) =>
          this.#handleStartBench(session, channel, message),
      },
      { clock, log: this.#log },
    )
  }

  /**
   * Resolves when every listener is open. Rejects with ADDRESS_IN_USE, CONFIG_INVALID or
   * TLS_FAILED.
   */
  async start(): Promise<void> {
    // LoginResp tells the STUN ports, so the first clients wait until they are open.
    const early: Session[] = []
    let isStarted = false
    const handleSession = (session: Session): void => {
      if (this.#closing !== undefined) void session.close('the server is closing')
      else if (isStarted) this.#incoming.handleSession(session)
      else early.push(session)
    }
    const listeners = await this.#listen({
      onSession: handleSession,
      onForeign: (data, from, reply) => this.#context.stun.handleForeign(data, from, reply),
      log: this.#log,
    })
    if (this.#closing !== undefined) {
      await Promise.all(listeners.map(listener => listener.close()))
      throw new TunnelError('ABORTED', 'the server was closed while it started')
    }
    this.#listeners = listeners
    await this.#context.stun.start(this.addresses().quic)
    isStarted = true
    early.forEach(handleSession)
    this.#log.info('frps started successfully')
  }

  addresses(): ServerAddresses {
    const found: { tcp?: Address; quic?: Address } = {}
    for (const { protocol, address } of this.#listeners) {
      if (protocol === 'tcp' || protocol === 'quic') found[protocol] = address
    }
    return found
  }

  /** The clients that are logged in, oldest first. */
  clients(): ClientStatus[] {
    return this.#registry.controls().map(client => client.status())
  }

  /**
   * Stops listening, then gives running user connections `graceMs` (default 500, as frp's client at
   * its end) before they are cut and the clients' sessions closed. Safe to call twice.
   */
  close({ graceMs = 500 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const clients = this.#registry.controls()
    // A QUIC listener is also the socket of its sessions, so it closes last; new sessions are
    // turned away until then.
    const isShared = ({ protocol }: Listener): boolean => protocol === 'quic'
    const stopped = this.#listeners.filter(listener => !isShared(listener)).map(closeListener)
    await Promise.all(clients.map(client => client.withdraw()))
    await Promise.all(clients.map(client => client.idle(graceMs)))
    const all = [...this.#bySession.values()]
    for (const client of all) client.close(CLOSING)
    await this.#context.stun.close()
    await Promise.all(all.map(client => client.closed))
    await Promise.all(this.#incoming.sessions.map(session => session.close(CLOSING)))
    await Promise.all([...stopped, ...this.#listeners.filter(isShared).map(closeListener)])
    this.#emit('close')
  }

  #handleLogin(session: Session, channel: MessageChannel, login: Login): void {
    if (this.#bySession.has(session)) {
      throw new TunnelError('PROTOCOL_ERROR', 'a second Login in one session')
    }
    if (!this.#incoming.mayLogin(session)) {
      const reason = 'too many failed logins from this address, try again later'
      refuseLogin({ context: this.#context, session, channel }, reason)
      return
    }
    let accepted
    try {
      accepted = acceptLogin(login, this.#config)
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error
      if (error.code === 'AUTH_FAILED') this.#incoming.handleFailedLogin(session)
      refuseLogin({ context: this.#context, session, channel }, error.detail)
      return
    }
    this.#log.info(loginLine(accepted, session.remoteAddress))
    const runId = accepted.runId === '' ? this.#newRunId() : accepted.runId
    const client = new ConnectedClient(this.#context, { session, channel, login: accepted, runId })
    this.#bySession.set(session, client)
    const leaveStun = this.#context.stun.admit(session.remoteAddress.ip)
    this.#incoming.settle(session)
    void client.closed.then(() => {
      leaveStun()
      this.#bySession.delete(session)
      this.#registry.handleGone(client, runId)
      this.#drain()
    })
    this.#registry.handleLogin(client, { runId, user: accepted.user, clientId: accepted.clientId })
    this.#drain()
  }

  #handleWorkConn(stream: Stream, message: NewWorkConn): boolean {
    const refuse = (reason: string): void => {
      this.#log.warn(reason)
      const error = errorForClient('invalid NewWorkConn', reason, this.#config)
      refuseWorkStream(stream, error, this.#clock)
    }
    const client = this.#registry.find(message.run_id)
    if (client === undefined) {
      refuse(`no client control found for run id [${inLog(message.run_id)}]`)
      return false
    }
    try {
      checkWorkConn(message, this.#config)
    } catch (error) {
      refuse(errorDetail(error))
      return false
    }
    client.offerWorkStream(stream, refuse)
    return true
  }

  #handleVisitorConn(
    session: Session,
    channel: MessageChannel,
    message: NewVisitorConn,
  ): Promise<boolean> {
    const client = this.#registry.find(message.run_id)
    return this.#context.visitors.receive({ session, channel, message, client })
  }

  #handleStunTest(session: Session, channel: MessageChannel, message: StunTest): void {
    // A test that is under way when its client leaves.
    if (!this.#bySession.has(session) && this.#incoming.isSettled(session)) return channel.destroy()
    const { runId } = this.#admitted(session)
    void this.#context.stun.test(runId, message).then(answer => {
      channel.send(answer)
      channel.close('the test is over')
    })
  }

  #handleNewBench(session: Session, channel: MessageChannel, message: NewBench): void {
    this.#admitted(session)
    if (this.#benches) this.#benches.handleNew(session, channel, message)
    else refuseBench(channel, 'allowBench = true is not in the config of the server')
  }

  #handleStartBench(session: Session, channel: MessageChannel, message: StartBench): void {
    this.#admitted(session)
    if (this.#benches) this.#benches.handleStart(session, channel.detach(), message)
    else channel.destroy()
  }

  /** Throws PROTOCOL_ERROR for a session without a login, or with one that still waits. */
  #admitted(session: Session): ConnectedClient {
    const client = this.#bySession.get(session)
    if (client !== undefined && this.#registry.find(client.runId) === client) return client
    throw new TunnelError('PROTOCOL_ERROR', 'a bench or a STUN test before the login')
  }

  #drain(): void {
    for (;;) {
      const output = this.#registry.poll()
      if (output === undefined) break
      switch (output.type) {
        case 'admit':
          output.control.start()
          break
        case 'replace':
          output.control.close('replaced by a new login with the same run id')
          break
        case 'fail':
          output.control.refuse(output.reason)
          break
        default:
          output satisfies never
      }
    }
  }

  #newRunId(): string {
    for (;;) {
      const runId = randomBytes(8).toString('hex')
      if (!this.#registry.has(runId)) return runId
    }
  }

  /** A listener that throws is its owner's fault and must not end a client's session. */
  #emit<K extends keyof ServerEvents>(name: K, ...args: ServerEvents[K]): void {
    try {
      const emitter: EventEmitter = this
      emitter.emit(name, ...args)
    } catch (error) {
      this.#log.error(`a listener of '${name}' failed: ${errorText(error)}`)
    }
  }
}

const closeListener = (listener: Listener): Promise<void> => listener.close()
const CLOSING = 'the server is closing'
