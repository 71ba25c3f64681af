// One client from its accepted login to its end: the shell around Control and the work streams. It
// reads messages, opens and closes what the machine says, and keeps the figures for the status.

import { type Address, formatAddress } from '../address.ts'
import { Alarm } from '../control/alarm.ts'
import { errorDetail, errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { PacketWay, ProxySpec, UserConnection, WorkStream } from '../proxy/host.ts'
import type { Session, Stream } from '../transport/transport.ts'
import { VERSION } from '../version.ts'
import type { MessageChannel } from '../wire/channel.ts'
import { encodeMessage } from '../wire/codec.ts'
import { FEATURES } from '../wire/features.ts'
import type { OutgoingMessage } from '../wire/messages.ts'
import { ClientProxies } from './client-proxies.ts'
import type { ServerContext } from './context.ts'
import { Control, type ControlOutput, type NameHolder } from './control.ts'
import { type AcceptedLogin, checkPing, errorForClient } from './login.ts'
import { inLog, refuseLogin } from './refusal.ts'
import type { ClientEvent, ClientStatus } from './status.ts'
import { OpenedStreams, PooledStreams, type WorkStreams } from './work-streams.ts'

export interface ClientOptions {
  readonly session: Session
  /** On which the Login came; nothing was written yet. */
  readonly channel: MessageChannel
  readonly login: AcceptedLogin
  /** The client's own, or the one that the server gives it. */
  readonly runId: string
}

/**
 * Longest that running user connections hold the session of a control that has ended; frp's client
 * waits as long.
 */
const CLOSING_GRACE_MS = 500
/** A ping and its repetitions, on a bad link. */
const ANSWER_MS = 1_500

export class ConnectedClient {
  readonly runId: string
  readonly login: AcceptedLogin
  readonly session: Session
  /** Resolves when its proxies are closed and their ports free. Never rejects. */
  readonly closed: Promise<void>

  readonly #context: ServerContext
  readonly #channel: MessageChannel
  readonly #log: Logger
  readonly #control: Control
  readonly #alarm: Alarm
  readonly #proxies: ClientProxies
  readonly #halfClose: boolean
  readonly #resolveClosed: () => void
  #workStreams: WorkStreams | undefined
  #phase: 'waiting' | 'open' | 'closing' | 'closed' = 'waiting'
  #reason = ''
  #isDraining = false
  #onReady: (() => void) | undefined

  constructor(context: ServerContext, { session, channel, login, runId }: ClientOptions) {
    this.#context = context
    this.#channel = channel
    this.session = session
    this.login = login
    this.runId = runId
    this.#log = context.log.child({ source: 'server/control', tags: [runId] })
    this.#halfClose = this.agreesOn('half-close')
    this.#proxies = new ClientProxies(context, {
      runId,
      user: login.user,
      party: this,
      observed: () => session.remoteAddress.ip,
      packets: () => this.#packets(),
      openWorkStream: (spec, from, opening) => this.#openWorkStream(spec, from, opening),
    })
    const { config, clock } = context
    this.#control = new Control(
      {
        holder: this,
        maxPortsPerClient: config.maxPortsPerClient,
        heartbeatTimeoutMs: config.transport.heartbeatTimeout * 1000,
        checkPing: ping => checkPing(ping, config),
        errorForClient: (summary, reason) => errorForClient(summary, reason, config),
      },
      context.names,
      clock.now(),
    )
    this.#alarm = new Alarm(clock, () => this.#drain())
    let resolve: () => void = ignore
    this.closed = new Promise(done => (resolve = done))
    this.#resolveClosed = resolve
    void channel.closed.then(({ detail }) => this.close(detail))
  }

  /** The run id is its own: answers the Login and goes to work. */
  start(): void {
    if (this.#phase !== 'waiting') return
    this.#phase = 'open'
    const { config, clock, key } = this.#context
    const { extension } = this.login
    this.#channel.send({
      type: 'LoginResp',
      version: VERSION,
      run_id: this.runId,
      ...(extension && {
        quicfrp: { version: VERSION, features: this.#features(), ...this.#context.stun.ports },
      }),
    })
    this.#channel.encrypt(key)
    const timeoutMs = config.userConnTimeout * 1000
    this.#workStreams = this.agreesOn('server-streams')
      ? new OpenedStreams(this.session, { timeoutMs, clock })
      : new PooledStreams(
          { poolCount: this.login.poolCount, timeoutMs },
          { clock, request: () => this.#send({ type: 'ReqWorkConn' }) },
        )
    this.#context.emit('login', this.#event())
    void this.#read()
    this.#drain()
  }

  /** NewWorkConn came with our run id. */
  offerWorkStream(stream: Stream, refuse: (reason: string) => void): void {
    if (this.#phase === 'open') this.#workStreams?.offer(stream, refuse)
    else refuse(`no client control found for run id [${this.runId}]`)
  }

  /** The run id is not its own: another login came, or its client id is taken. */
  refuse(reason: string): void {
    if (this.#phase !== 'waiting') return
    this.#phase = 'closed'
    refuseLogin({ context: this.#context, session: this.session, channel: this.#channel }, reason)
    this.#resolveClosed()
  }

  async answers(): Promise<boolean> {
    if (this.#phase !== 'open') return false
    return (await this.session.answers?.(ANSWER_MS)) ?? true
  }

  /** No new users: closes the ports and leaves the running connections alone. */
  withdraw(): Promise<void> {
    return this.#proxies.withdraw()
  }

  /** Ends the control; `closed` tells when the ports are free. Safe to call twice. */
  close(reason: string): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return
    const wasOpen = this.#phase === 'open'
    this.#phase = 'closing'
    this.#reason = reason
    this.#channel.close(reason)
    this.#workStreams?.close()
    this.#context.natHoles.handleGone(this)
    this.#onReady?.()
    if (!wasOpen) {
      this.#finish()
      return
    }
    this.#control.close()
    // The machine may be in the middle of a drain that ends here; then it goes on by itself.
    this.#drain()
  }

  /** Resolves when no user connection of this client runs any more, or after `graceMs`. */
  idle(graceMs: number): Promise<void> {
    return this.#proxies.idle(graceMs)
  }

  get ip(): string {
    return this.session.remoteAddress.ip
  }

  rttMs(): number | undefined {
    return this.session.stats().rttMs
  }

  /** For what is no business of the control. Dropped when the client has left. */
  send(message: OutgoingMessage): void {
    if (this.#phase === 'open') this.#send(message)
  }

  /** Of the client's login: the prefix of its names. */
  get user(): string {
    return this.login.user
  }

  /** True when both sides have named the feature. */
  agreesOn(feature: string): boolean {
    const theirs = this.login.extension?.features ?? []
    return theirs.includes(feature) && this.#features().includes(feature)
  }

  status(): ClientStatus {
    const { user, clientId, hostname, os, arch, version, metadatas, extension } = this.login
    const { rttMs } = this.session.stats()
    return {
      runId: this.runId,
      user,
      clientId,
      hostname,
      os,
      arch,
      version,
      ...(extension && { quicfrp: extension.version }),
      protocol: this.session.protocol,
      address: this.session.remoteAddress,
      ...(rttMs !== undefined && { rttMs }),
      metadatas,
      proxies: this.#proxies.status(),
    }
  }

  /** Reads as fast as the machine takes: a client that floods us waits for its own proxies. */
  async #read(): Promise<void> {
    const { clock } = this.#context
    try {
      while (this.#phase === 'open') {
        const message = await this.#channel.readMessage()
        if (this.#context.natHoles.receive(message, this)) continue
        this.#control.handleMessage(message, clock.now())
        this.#drain()
        if (this.#control.isBusy) await new Promise<void>(ready => (this.#onReady = ready))
      }
    } catch (error) {
      // The channel's `closed` brings the end; only what a peer did wrong is worth a line.
      if (error instanceof TunnelError && error.code === 'PROTOCOL_ERROR') {
        this.#log.warn(`control stream broken: ${error.detail}`)
      }
      this.#channel.destroy()
    }
  }

  #drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    for (;;) {
      const output = this.#control.poll(this.#context.clock.now())
      if (output === undefined) break
      this.#apply(output)
    }
    this.#isDraining = false
    this.#alarm.set(this.#control.deadline())
    if (!this.#control.isBusy) this.#onReady?.()
  }

  #apply(output: ControlOutput): void {
    switch (output.type) {
      case 'send':
        this.#send(output.message)
        break
      case 'start':
        void this.#startProxy(output.spec)
        break
      case 'contest':
        void this.#contest(output.name, output.holder)
        break
      case 'stop':
        void this.#stopProxy(output.name)
        break
      case 'renew':
        this.#context.visitors.renew(output.name, this.user, output.prekey)
        break
      case 'started': {
        const { remoteAddr, spec } = output
        const { name, type } = spec
        this.#log.info(`new proxy [${name}] type [${type}] success`)
        this.#context.emit('proxyUp', { runId: this.runId, name, type, remoteAddr })
        break
      }
      case 'refused': {
        const { name, proxyType, reason } = output
        const proxy = `new proxy [${inLog(name)}] type [${inLog(proxyType)}]`
        this.#log.warn(`${proxy} error: ${inLog(reason)}`)
        this.#context.emit('proxyRefused', { runId: this.runId, name, reason })
        break
      }
      case 'invalidPing':
        this.#log.warn(`received invalid ping: ${output.reason}`)
        break
      case 'giveUp':
        this.#log.warn(output.reason)
        this.close(output.reason)
        break
      case 'finished':
        this.#finish()
        break
      default:
        output satisfies never
    }
  }

  #send(message: OutgoingMessage): void {
    try {
      this.#channel.send(message)
    } catch (error) {
      // An answer that repeats an overlong name does not fit into a frame: whoever sent it knows.
      this.#log.warn(`message cannot be sent: ${errorText(error)}`)
      this.close('an answer was too long')
    }
  }

  async #startProxy(spec: ProxySpec): Promise<void> {
    try {
      this.#control.handleStarted(await this.#proxies.start(spec))
    } catch (error) {
      this.#control.handleRefused(errorDetail(error))
    }
    this.#drain()
  }

  /**
   * Over QUIC nobody tells that a client was killed: its names would stay taken until the idle
   * time-out, while the one that was started in its place asks for them.
   */
  async #contest(name: string, holder: NameHolder): Promise<void> {
    if (!(await holder.answers())) {
      this.#log.info(`[${name}] is taken over from a client that does not answer any more`)
      holder.close('it did not answer, and another client asked for its proxy')
      await holder.closed
    }
    this.#control.handleContested()
    this.#drain()
  }

  async #stopProxy(name: string): Promise<void> {
    await this.#proxies.stop(name)
    this.#log.info(`close proxy [${name}] success`)
    this.#control.handleStopped()
    this.#drain()
  }

  #finish(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#alarm.set(undefined)
    this.#resolveClosed()
    void this.idle(CLOSING_GRACE_MS).then(() => this.session.close(this.#reason))
    if (this.#workStreams === undefined) return
    this.#log.info('client exit success', { reason: this.#reason })
    this.#context.emit('logout', { ...this.#event(), reason: this.#reason })
  }

  async #openWorkStream(
    spec: ProxySpec,
    from: Pick<UserConnection, 'remote' | 'local' | 'visit'> | undefined,
    options: { readonly signal: AbortSignal },
  ): Promise<WorkStream> {
    if (this.#workStreams === undefined || this.#phase !== 'open') {
      throw new TunnelError('SESSION_CLOSED', 'control is already closed')
    }
    const stream = await this.#workStreams.open(options)
    const start = {
      type: 'StartWorkConn',
      proxy_name: spec.name,
      src_addr: from?.remote.ip ?? '',
      src_port: from?.remote.port ?? 0,
      dst_addr: from?.local.ip ?? '',
      dst_port: from?.local.port ?? 0,
      quicfrp: from?.visit?.introduction,
    } as const
    stream.write(encodeMessage(start))
    stream.setPriority?.(spec.priority)
    return { stream, halfClose: this.#halfClose }
  }

  #packets(): PacketWay {
    if (!this.agreesOn('packet-links')) return { isReal: true }
    const hasDatagrams = this.agreesOn('datagrams') && this.session.datagrams !== undefined
    return { isReal: false, session: hasDatagrams ? this.session : undefined }
  }

  #features(): string[] {
    const { canOpen } = this.session
    const features = FEATURES.filter(name => name !== 'server-streams' || canOpen)
    return this.#context.config.allowBench && canOpen ? [...features, 'bench'] : features
  }

  #event(): ClientEvent {
    const { protocol, remoteAddress: address } = this.session
    return { runId: this.runId, user: this.login.user, protocol, address }
  }
}

/** frp's line about a client that logs in. */
export function loginLine(login: AcceptedLogin, address: Address): string {
  const { version, hostname, os, arch } = login
  const client = `version [${version}] hostname [${hostname}] os [${os}] arch [${arch}]`
  return `client login info: ip [${formatAddress(address)}] ${client}`
}

function ignore(): void {}
