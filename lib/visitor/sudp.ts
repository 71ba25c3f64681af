// A visitor of a sudp proxy: a local UDP port, a session for each of its users, and one way to the
// proxy for the packets of all of them, opened with the first packet and again after it was lost.

import type { Address } from '../address.ts'
import type { VisitorConfig } from '../config/index.ts'
import type { Flow, FlowLink } from '../datagram/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { PacketHold } from '../proxy/packet-hold.ts'
import { type UdpUser, UdpUsers } from '../proxy/udp-users.ts'
import { Target } from './exchange.ts'
import type { Visitor, VisitorHost, VisitorPhase, VisitorState } from './host.ts'
import { openPacketPath } from './packet-path.ts'
import { END_TO_END, NOT_END_TO_END, type Route } from './path.ts'
import { UdpDoor } from './udp-door.ts'

/** Local users at one time, and of one address: all of them may be on this machine. */
const MAX_USERS = 8_192
/** A user is forgotten a little after the owner has done so; towards a real one as frp. */
const IDLE_ALLOWANCE_MS = 10_000
const FRP_IDLE_MS = 60_000
/** After a way that could not be opened: packets of that time are lost. */
const RETRY_DELAY_MS = 1_000

type User = UdpUser<Flow>

export function sudpVisitor(config: VisitorConfig, host: VisitorHost): Visitor {
  return new SudpVisitor(config, host)
}

class SudpVisitor implements Visitor {
  readonly #config: VisitorConfig
  readonly #host: VisitorHost
  readonly #target: Target
  readonly #door: UdpDoor
  readonly #users = new UdpUsers<Flow>({
    maxUsers: MAX_USERS,
    maxPerIp: MAX_USERS,
    idleMs: FRP_IDLE_MS,
  })
  readonly #hold = new PacketHold<User>()
  readonly #closing = new AbortController()
  #link: FlowLink | undefined
  #isOpening = false
  #isEndToEnd: boolean | undefined
  #mayOpenAt = -Infinity
  #lastError = ''
  #cancelSweep: (() => void) | undefined
  #isStarted = false

  constructor(config: VisitorConfig, host: VisitorHost) {
    this.#config = config
    this.#host = host
    this.#target = new Target(config, host.user)
    const { bindAddr, bindPort } = config
    const { log, clock } = host
    this.#door = new UdpDoor({
      bindAddr,
      bindPort,
      log,
      clock,
      onPacket: (payload, from) => this.#handlePacket(payload, from),
      onChange: () => this.#handleDoor(),
    })
  }

  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#door.open()
    if (this.#config.bindPort < 0) this.#handleDoor()
  }

  state(): VisitorState {
    const { address, error } = this.#door
    return { phase: this.#phase(), localAddr: address, error, route: this.#route() }
  }

  /** Its users send packets. */
  serve(user: { destroy(): void }): void {
    user.destroy()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#cancelSweep?.()
    this.#link?.close()
    await this.#door.close()
  }

  #route(): Route | undefined {
    const session = this.#host.current()?.session
    return session && { kind: 'relay', address: session.remoteAddress }
  }

  #phase(): VisitorPhase {
    if (this.#closing.signal.aborted) return 'closed'
    if (this.#door.error !== '') return 'start error'
    const isOpen = this.#door.address !== '' || this.#config.bindPort < 0
    return this.#isStarted && isOpen ? 'running' : 'waiting'
  }

  #handleDoor(): void {
    const { phase, localAddr } = this.state()
    if (phase === 'running') {
      const where = localAddr === '' ? '' : `, listening on ${localAddr}`
      this.#host.log.info(`start visitor success${where}`)
    }
    this.#host.changed()
  }

  // ---- packets

  /** `payload` is lent. */
  #handlePacket(payload: Buffer, from: Address): void {
    const now = this.#host.clock.now()
    const user = this.#users.handlePacket(from, now) ?? this.#admit(from, now)
    if (user === undefined) return
    if (this.#link === undefined) {
      if (!this.#isOpening && now < this.#mayOpenAt) return
      this.#hold.push(user, payload, now)
      if (!this.#isOpening) void this.#open()
    } else this.#forward(user, payload)
  }

  #admit(from: Address, now: number): User | undefined {
    const admitted = this.#users.admit(from, now)
    if (admitted === undefined) return undefined
    admitted.evicted?.session?.close()
    this.#cancelSweep ??= this.#sweepAfter(this.#users.idleMs)
    return admitted.user
  }

  #forward(user: User, payload: Buffer): void {
    const flow = user.session ?? this.#flowOf(user)
    flow?.send(payload)
  }

  #flowOf(user: User): Flow | undefined {
    const flow = this.#link?.open(user.address)
    if (flow === undefined) return undefined
    user.session = flow
    flow.onPacket(payload => {
      this.#users.handleAnswer(user, this.#host.clock.now())
      this.#door.send(payload, user.address)
    })
    flow.onClose(() => (user.session = undefined))
    return flow
  }

  // ---- the link

  async #open(): Promise<void> {
    const { signal } = this.#closing
    const { log, clock } = this.#host
    this.#isOpening = true
    try {
      const { link, isEndToEnd } = await openPacketPath(this.#target, this.#host, { signal })
      if (signal.aborted) {
        link.close()
        return
      }
      this.#lastError = ''
      this.#note(isEndToEnd)
      this.#use(link)
    } catch (error) {
      if (error instanceof TunnelError && error.code === 'ABORTED') return
      this.#mayOpenAt = clock.now() + RETRY_DELAY_MS
      const text = errorDetail(error)
      // Packets go on coming; the same words are said once.
      if (text !== this.#lastError) log.warn(`no connection to the proxy: ${text}`)
      this.#lastError = text
    } finally {
      this.#isOpening = false
    }
  }

  #use(link: FlowLink): void {
    const { log, clock } = this.#host
    this.#link = link
    const { peerIdleMs } = link
    this.#users.idleMs = peerIdleMs === undefined ? FRP_IDLE_MS : peerIdleMs + IDLE_ALLOWANCE_MS
    this.#hold.release(clock.now(), (user, payload) => this.#forward(user, payload))
    void link.closed.then(reason => {
      this.#link = undefined
      if (!this.#closing.signal.aborted) log.debug(`the way to the proxy is over: ${reason}`)
    })
  }

  #note(isEndToEnd: boolean): void {
    if (isEndToEnd === this.#isEndToEnd) return
    this.#isEndToEnd = isEndToEnd
    this.#host.log.info(isEndToEnd ? END_TO_END : NOT_END_TO_END)
  }

  // ---- time

  #sweepAfter(delayMs: number): () => void {
    return this.#host.clock.after(delayMs, () => this.#sweep())
  }

  #sweep(): void {
    this.#cancelSweep = undefined
    const now = this.#host.clock.now()
    for (let user = this.#users.poll(now); user !== undefined; user = this.#users.poll(now)) {
      user.session?.close()
    }
    const deadline = this.#users.deadline()
    // A busy table's deadline is always near; once a second is soon enough.
    if (deadline === undefined) return
    this.#cancelSweep = this.#sweepAfter(Math.max(1_000, deadline - now))
  }
}
