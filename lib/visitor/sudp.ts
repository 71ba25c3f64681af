// A visitor whose users send packets: a local UDP port, a session for each of them, and one way to
// the proxy for the packets of all, opened with the first packet and again after it was lost. That
// of sudp leads through frps; xtcp has another.

import type { Address } from '../address.ts'
import type { VisitorConfig } from '../config/index.ts'
import type { FlowLink } from '../datagram/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { PeerStatus } from '../peer/index.ts'
import { UserFlows } from '../proxy/user-flows.ts'
import { Entrance } from './entrance.ts'
import { Target } from './exchange.ts'
import type { Visitor, VisitorHost, VisitorState } from './host.ts'
import { openPacketPath } from './packet-path.ts'
import { END_TO_END, NOT_END_TO_END, type Route } from './path.ts'
import { UdpDoor } from './udp-door.ts'

/** Local users at one time, and of one address: all of them may be on this machine. */
const MAX_USERS = 8_192
/** After a way that could not be opened: packets of that time are lost. */
const RETRY_DELAY_MS = 1_000

export function sudpVisitor(config: VisitorConfig, host: VisitorHost): Visitor {
  const target = new Target(config, host.user)
  const closing = new AbortController()
  return new PacketVisitor(config, {
    host,
    onStart: () => void target.prepare(host, closing.signal),
    onEnd: () => closing.abort(),
    open: options => openPacketPath(target, host, options),
    route: () => {
      const session = host.current()?.session
      return session && { kind: 'relay', address: session.remoteAddress }
    },
  })
}

export interface PacketVisitorOptions {
  readonly host: VisitorHost
  /** A way for the packets of all users. Rejects with ABORTED and the reasons of openPacketPath. */
  readonly open: (options: {
    readonly signal: AbortSignal
  }) => Promise<{ readonly link: FlowLink; readonly isEndToEnd: boolean }>
  readonly route: () => Route | undefined
  /** The client has logged in for the first time. */
  readonly onStart?: () => void
  /** Of the peer connection, where the way is one. */
  readonly peer?: () => PeerStatus | undefined
  /** No user is left. */
  readonly onEnd?: () => void
}

export class PacketVisitor implements Visitor {
  readonly #options: PacketVisitorOptions
  readonly #host: VisitorHost
  readonly #door: UdpDoor
  readonly #entrance: Entrance
  readonly #flows: UserFlows
  readonly #closing = new AbortController()
  #isOpening = false
  #isEndToEnd: boolean | undefined
  #mayOpenAt = -Infinity
  #lastError = ''

  constructor(config: VisitorConfig, options: PacketVisitorOptions) {
    const { host } = options
    this.#options = options
    this.#host = host
    const { bindAddr, bindPort } = config
    const { log, clock } = host
    this.#flows = new UserFlows({
      limits: { maxUsers: MAX_USERS, maxPerIp: MAX_USERS },
      clock,
      answer: (payload, to) => this.#door.send(payload, to),
    })
    this.#door = new UdpDoor({
      bindAddr,
      bindPort,
      log,
      clock,
      onPacket: (payload, from) => this.#handlePacket(payload, from),
      onChange: () => this.#entrance.handleChange(),
    })
    this.#entrance = new Entrance(this.#door, { bindPort, host })
  }

  start(): void {
    if (this.#entrance.start()) this.#options.onStart?.()
  }

  state(): VisitorState {
    const peer = this.#options.peer?.()
    return { ...this.#entrance.state(), route: this.#options.route(), ...(peer && { peer }) }
  }

  /** Its users send packets. */
  serve(user: { destroy(): void }): void {
    user.destroy()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#entrance.close()
    this.#flows.close()
    await this.#door.close()
    this.#options.onEnd?.()
  }

  // ---- packets

  /** `payload` is lent. */
  #handlePacket(payload: Buffer, from: Address): void {
    const hasWay = this.#flows.hasLink || this.#isOpening
    if (!hasWay && this.#host.clock.now() < this.#mayOpenAt) return
    if (this.#flows.handlePacket(payload, from) && !hasWay) void this.#open()
  }

  // ---- the link

  async #open(): Promise<void> {
    const { signal } = this.#closing
    const { log, clock } = this.#host
    this.#isOpening = true
    try {
      const { link, isEndToEnd } = await this.#options.open({ signal })
      if (signal.aborted) {
        link.close()
        return
      }
      this.#lastError = ''
      this.#note(isEndToEnd)
      void this.#use(link)
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

  async #use(link: FlowLink): Promise<void> {
    const reason = await this.#flows.use(link)
    const isOver = this.#closing.signal.aborted
    if (!isOver) this.#host.log.debug(`the way to the proxy is over: ${reason}`)
  }

  #note(isEndToEnd: boolean): void {
    if (isEndToEnd === this.#isEndToEnd) return
    this.#isEndToEnd = isEndToEnd
    this.#host.log.info(isEndToEnd ? END_TO_END : NOT_END_TO_END)
  }
}
