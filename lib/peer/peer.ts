// One peer connection: a QUIC connection between visitor and owner that begins over frps and moves
// to a direct path. A shell: which way is taken is decided in nat/path, how one is opened in
// nat/punch; this gives them time, datagrams and messages, and does what they say.

import {
  type Hint,
  type PathCommand,
  PathPolicy,
  type PeerRole,
  ProbeSession,
  probeTag,
  type PunchScope,
  type Route,
  type RouteKind,
} from '../../nat/index.ts'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import type { Flow } from '../datagram/index.ts'
import type { SessionKeys } from '../e2e/index.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type PeerSession, RELAY_DATAGRAM_BYTES } from '../transport/quic-peer.ts'
import type { Stream } from '../transport/transport.ts'
import { type PeerKeys, peerKeys } from './keys.ts'
import type { PeerNetwork } from './network.ts'
import { Notes } from './notes.ts'
import { PathReports } from './path-reports.ts'
import { PEER, PeerSocket } from './peer-socket.ts'
import { PeerUsers } from './peer-users.ts'
import { Punching } from './punching.ts'
import { Routes } from './routes.ts'
import type { Signal } from './signals.ts'
import type { PeerStatus } from './status.ts'

export interface PeerOptions {
  readonly role: PeerRole
  /** Of the proxy, with the user prefix. */
  readonly name: string
  /** Users' bytes may go over frps; the other side can forbid it as well. */
  readonly mayRelay: boolean
  /** Of the visit on which the peers met. */
  readonly keys: SessionKeys
  readonly network: PeerNetwork
  readonly clock: Clock
  /** Its tags end with the proxy's or the visitor's name. */
  readonly log: Logger
  /** The path or its figures have changed. */
  readonly onChange: () => void
}

/** Fits every path: what a direct one carries until it was measured. */
const UNKNOWN_DATAGRAM_BYTES = 1252
/** Probes whose answer is awaited. */
const MAX_PENDING = 64

interface Pending {
  readonly route: Route
  readonly nonce: number
  readonly sentAt: number
}

export class Peer {
  readonly name: string
  readonly role: PeerRole
  readonly keys: PeerKeys
  readonly socket: PeerSocket = new PeerSocket()
  /** Why it ended. Never rejects. */
  readonly closed: Promise<string>
  /** Set by the owner of the signalling stream; signals before that are lost. */
  onSignal: ((signal: Signal) => void) | undefined
  readonly #options: PeerOptions
  readonly #routes: Routes
  readonly #policy: PathPolicy
  readonly #reports: PathReports
  readonly #probes: ProbeSession
  readonly #notes: Notes
  readonly #alarm: Alarm
  readonly #pending = new Map<string, Pending>()
  readonly #sizes = new Map<Route, number>()
  readonly #endWatching: () => void
  readonly #settleClosed: (reason: string) => void
  readonly #punching: Punching
  #used: Route = 'relay'
  #session: PeerSession | undefined
  #observed: string[] = []
  #rediscovery: Promise<unknown> | undefined
  readonly #users = new PeerUsers()
  /** What the log has last said about the relay; empty since the path was direct. */
  #relayedBecause = ''
  #hasBegun = false
  #mayRelay: boolean
  #isDriving = false
  #isOver = false

  constructor(options: PeerOptions) {
    const { role, name, keys, network, clock } = options
    this.name = name
    this.role = role
    this.keys = peerKeys(keys, role)
    this.#options = options
    this.#mayRelay = options.mayRelay
    this.#probes = new ProbeSession({ role, keys: this.keys.probes, random: Math.random })
    this.#notes = new Notes(this.keys.notes)
    this.#policy = new PathPolicy({ role, random: Math.random }, clock.now())
    this.#reports = new PathReports(this.#policy)
    this.#alarm = new Alarm(clock, () => this.#drive())
    this.#routes = new Routes(this.socket, network.port, {
      onStun: (route, socket, data, from) => this.#handleStun(route, socket, data, from),
      onRelayLost: () => this.#tell(now => this.#policy.handleRelay(false, undefined, now)),
    })
    this.#punching = new Punching({
      role,
      network,
      clock,
      probes: this.#probes,
      routes: this.#routes,
      send: signal => this.onSignal?.(signal),
      onWork: () => this.#drive(),
      onPath: path => {
        const now = clock.now()
        this.#policy.handlePath(path, now)
        this.#policy.handlePunchEnd({ reason: undefined, isHopeless: false }, now)
      },
      onGaveUp: end => this.#handleGaveUp(end),
    })
    this.socket.onSend = () => this.#handleSent()
    this.socket.onBatch = () => this.#handleBatch()
    this.socket.use(this.#routes.carrier('relay'))
    this.#endWatching = network.onChange(what => {
      this.#tell(now => {
        if (what === 'changed') this.#policy.handleNetworkChange(now)
        else if (what === 'more') this.#policy.handleNewCandidates(now)
      })
      // A round that is under way may need it, and must not cost another one.
      if (what === 'known') this.#punching.handleLocal(network.offer())
    })
    let settle = (_reason: string): void => {}
    this.closed = new Promise(resolve => (settle = resolve))
    this.#settleClosed = settle
  }

  get session(): PeerSession | undefined {
    return this.#session
  }

  get isOver(): boolean {
    return this.#isOver
  }

  attachRelay(flow: Flow): void {
    if (this.#isOver) {
      flow.close()
      return
    }
    this.#routes.setRelay(flow)
    this.#tell(now => this.#policy.handleRelay(true, undefined, now))
  }

  /** Where frps sees the other client, if it says so: ports are guessed nowhere else. */
  handleObserved(ip: string | undefined): void {
    if (ip !== undefined && ip !== '') this.#observed = [ip]
  }

  /** The handshake is done. Ends with the session. */
  attachSession(session: PeerSession): void {
    this.#session = session
    this.socket.knows = data => session.knows(data)
    void session.closed.then(({ detail }) => this.close(detail))
    this.#drive()
  }

  /** Signals reach the other side, and nobody else: now a direct way is looked for. */
  begin(): void {
    this.#hasBegun = true
    this.#drive()
  }

  /** The other side has proven itself. `mayRelay`: what it says about users' bytes. */
  handleHello(mayRelay: boolean): void {
    this.#mayRelay &&= mayRelay
    if (!this.#mayRelay && this.#used === 'relay') this.#users.drop(notOverRelay())
    this.begin()
  }

  get mayRelay(): boolean {
    return this.#mayRelay
  }

  /** Whether a user's bytes may go the way of the moment. */
  get takesUsers(): boolean {
    return !this.#isOver && (this.#mayRelay || this.#used !== 'relay')
  }

  /** No direct path, and none to wait for. */
  get isHopeless(): boolean {
    return this.#used === 'relay' && this.#policy.state().isHopeless
  }

  /**
   * The stream of a user, or of what stands for the packets of all of them, which the stream does
   * not count. It is destroyed where his bytes may not go.
   */
  track(stream: Stream, kind: 'bytes' | 'packets'): void {
    if (!this.takesUsers) {
      stream.destroy(notOverRelay())
      return
    }
    this.#users.add(stream, kind)
    this.#tell(now => this.#policy.handleActivity(now))
  }

  get users(): number {
    return this.#users.size
  }

  /** Called when the last user has left. One handler. */
  onIdle(handler: () => void): void {
    this.#users.onIdle = handler
  }

  status(): PeerStatus {
    const { clock } = this.#options
    const { route, kind, technique, since, reason, rttMs, loss, switches, timeToDirectMs } =
      this.#policy.state()
    const isConnected = this.#session !== undefined
    return {
      proxy: this.name,
      role: this.role,
      phase: this.#isOver ? 'closed' : isConnected ? 'connected' : 'connecting',
      path: pathOf(kind),
      kind,
      address: this.#routes.describe(route),
      remote: this.#routes.remoteOf(route),
      technique,
      reason,
      rttMs: rttMs ?? this.#session?.stats().rttMs,
      loss,
      timeToDirectMs,
      switches,
      sinceMs: clock.now() - since,
      streams: this.#users.size,
    }
  }

  /** The other side's signals, but for hello. */
  handleSignal(signal: Signal): void {
    if (signal.type === 'size') {
      const { route } = this.#policy.state()
      if (route === 'relay') return
      this.#sizes.set(route, signal.bytes)
      this.#session?.resize(signal.bytes)
      return
    }
    if (signal.type !== 'offer') return
    const { round, scope, offer } = signal
    if (this.role === 'owner' && round > this.#punching.round) this.#punching.begin(round, scope)
    if (round === this.#punching.round) this.#punching.handleRemote(offer, this.#observed)
    this.#drive()
  }

  /** Tells the other side, and ends all streams. Safe to call twice. */
  close(detail: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#endWatching()
    this.#alarm.set(undefined)
    void this.#session?.close(detail)
    this.#punching.close()
    this.#routes.close()
    void this.socket.close()
    this.#settleClosed(detail)
    this.#options.onChange()
  }

  // ---- the machines

  #tell(what: (now: number) => void): void {
    if (this.#isOver) return
    what(this.#options.clock.now())
    this.#drive()
  }

  #drive(): void {
    if (this.#isDriving || this.#isOver || !this.#hasBegun) return
    this.#isDriving = true
    const { clock } = this.#options
    for (;;) {
      const command = this.#policy.poll(clock.now())
      if (command !== undefined) {
        this.#perform(command)
        continue
      }
      if (!this.#punching.drive(clock.now())) break
    }
    this.#isDriving = false
    this.#schedule()
  }

  #schedule(): void {
    const deadline = Math.min(this.#policy.deadline() ?? Infinity, this.#punching.deadline())
    this.#alarm.set(deadline === Infinity ? undefined : deadline)
  }

  #perform(command: PathCommand): void {
    switch (command.type) {
      case 'probe':
        this.#probe(command.route, command.nonce)
        return
      case 'use':
        this.#use(command.route, command.duplicate, command.reason)
        return
      case 'punch':
        void this.#punch(command.round, command.scope, command.reason)
        return
      case 'drop':
        this.#options.log.debug(`path dropped: ${command.reason}`)
        this.#routes.remove(command.path)
        this.#sizes.delete(command.path)
        this.#reports.forget(command.path)
        return
      case 'hint':
        this.#routes.send(command.route, this.#notes.encode(command.hint))
        return
      case 'rediscover':
        this.#options.log.debug(`looking at the network again: ${command.reason}`)
        this.#rediscovery = this.#options.network.refresh()
        return
      default:
        command satisfies never
    }
  }

  // ---- routes

  #use(route: Route, twin: Route | undefined, reason: string): void {
    const carrier = this.#routes.carrier(route)
    this.socket.use(carrier, twin === undefined ? undefined : this.#routes.carrier(twin))
    const isDirect = route !== 'relay'
    const known = this.#sizes.get(route)
    const bytes = isDirect ? (known ?? UNKNOWN_DATAGRAM_BYTES) : RELAY_DATAGRAM_BYTES
    if (this.#isNewRoute(route)) {
      if (!this.takesUsers) this.#users.drop(notOverRelay())
      const isNear = this.#policy.state().kind === 'lan'
      this.#session?.handleRoute({ datagramBytes: bytes, isNear })
    }
    this.#session?.nudge()
    if (isDirect && known === undefined && this.role === 'visitor') void this.#measure(route)
    if (isDirect) this.#relayedBecause = ''
    const { technique } = this.#policy.state()
    const notes = [...(technique ? [technique] : []), ...(twin === undefined ? [] : ['in doubt'])]
    const how = notes.length === 0 ? '' : ` (${notes.join(', ')})`
    const way = isDirect ? `direct to ${this.#routes.describe(route)}` : 'over frps'
    this.#options.log.info(`peer path: ${way}${how}, ${reason}`)
    this.#options.onChange()
  }

  #isNewRoute(route: Route): boolean {
    const isNew = route !== this.#used
    this.#used = route
    return isNew
  }

  /** What passes on the path, for both ends. */
  async #measure(route: Route): Promise<void> {
    const bytes = await this.#session?.measure()
    if (bytes === undefined || this.#used !== route || this.#isOver) return
    this.#sizes.set(route, bytes)
    this.onSignal?.({ type: 'size', bytes })
  }

  #probe(route: Route, nonce: number): void {
    const to = this.#routes.remoteOf(route) ?? PEER
    const { id, data } = this.#probes.request({ to })
    const sentAt = this.#options.clock.now()
    this.#pending.set(id, { route, nonce, sentAt })
    if (this.#pending.size > MAX_PENDING) {
      for (const oldest of this.#pending.keys()) {
        this.#pending.delete(oldest)
        break
      }
    }
    this.#routes.send(route, Buffer.from(data))
  }

  // ---- punching

  async #punch(round: number, scope: PunchScope, reason: string): Promise<void> {
    const { log, network } = this.#options
    log.debug(`punching, round ${round}: ${reason}`)
    await this.#rediscovery
    this.#rediscovery = undefined
    if (this.#isOver) return
    if (network.port === undefined) {
      this.#handleGaveUp({ reason: 'no UDP here', isHopeless: true })
    } else {
      this.#punching.begin(round, scope)
    }
    this.#drive()
  }

  #handleGaveUp(end: { readonly reason: string; readonly isHopeless: boolean }): void {
    this.#logRelayed(end.reason)
    this.#policy.handlePunchEnd(end, this.#options.clock.now())
    // Who waits for a direct path may stop.
    if (end.isHopeless) this.#options.onChange()
  }

  /** Rounds go on failing for the same reason, which is said once. */
  #logRelayed(reason: string): void {
    if (this.#used !== 'relay' || reason === this.#relayedBecause) return
    this.#relayedBecause = reason
    const way = this.#mayRelay ? 'over frps' : 'none, relay is false'
    this.#options.log.info(`peer path: ${way}, ${reason}`)
  }

  // ---- datagrams

  /** `socket` and `from` mean nothing on the relay. */
  #handleStun(route: Route | undefined, socket: number, data: Buffer, from: Address): boolean {
    if (this.#isOver) return false
    if (probeTag(data) !== this.#probes.tag) {
      const hint = this.#notes.decode(data)
      if (hint === undefined) return false
      this.#handleHint(hint, route)
      return true
    }
    const probe = this.#probes.receive(data)
    if (probe === undefined) return true
    const now = this.#options.clock.now()
    if (route !== undefined) this.#policy.handleInbound(route, now)
    const pending = probe.type === 'response' ? this.#pending.get(probe.id) : undefined
    if (pending !== undefined) {
      this.#pending.delete(probe.id)
      this.#policy.handleProbeAnswer(pending.route, pending.nonce, now - pending.sentAt, now)
    } else if (route === 'relay') {
      if (probe.type === 'request') {
        this.#routes.send('relay', Buffer.from(this.#probes.response(probe, PEER)))
      }
    } else {
      this.#routes.listenTo(socket, from)
      const isTaken = this.#punching.handleProbe(socket, probe, from)
      if (!isTaken && probe.type === 'request') {
        const answer = Buffer.from(this.#probes.response(probe, from))
        this.#options.network.port?.send(socket, answer, from)
      }
    }
    this.#drive()
    return true
  }

  #handleHint(hint: Hint, route: Route | undefined): void {
    this.#tell(now => {
      if (route !== undefined) this.#policy.handleInbound(route, now)
      this.#policy.handleHint(hint, now)
    })
  }

  #handleSent(): void {
    if (this.#isOver) return
    const now = this.#options.clock.now()
    const isNews = this.#reports.handleSent(this.#session, this.#users, now)
    if (isNews && !this.#isDriving) this.#schedule()
  }

  #handleBatch(): void {
    const heard = this.#routes.takeHeard()
    if (this.#isOver) return
    const now = this.#options.clock.now()
    if (this.#reports.handleHeard(this.#session, heard, now)) this.#drive()
  }
}

function notOverRelay(): TunnelError {
  return new TunnelError('SESSION_CLOSED', 'there is no direct path, and relay is false')
}

function pathOf(kind: RouteKind): 'relay' | 'direct' | 'lan' {
  return kind === 'relay' || kind === 'lan' ? kind : 'direct'
}
