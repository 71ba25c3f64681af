// The server half of a udp proxy: a public port, a session for each user, and one link to the
// client that carries the packets of all of them (frp-wire.md section 6.2).

import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { type Flow, type FlowLink, frpFlowLink, openFlowLink } from '../datagram/index.ts'
import { errorDetail } from '../errors.ts'
import { layerStream } from '../stream/layers.ts'
import { TokenBucket } from '../stream/limit.ts'
import type { OpenUdpPort, ProxyHost, ProxySpec, RunningProxy } from './host.ts'
import { PacketHold } from './packet-hold.ts'
import { type UdpUser, UdpUsers } from './udp-users.ts'

/**
 * A user is forgotten a little after the client has done so, which tells us. Towards a real client,
 * which says nothing, long after its 30 s.
 */
const IDLE_ALLOWANCE_MS = 10_000
const FRP_IDLE_MS = 60_000

/** A real client drops a work stream for a proxy whose registration it has not finished; as frp. */
const FRP_FIRST_LINK_MS = 500
/** After a link that failed, as frp. */
const NEXT_LINK_MS = 1_000

export async function startUdp(spec: ProxySpec, host: ProxyHost): Promise<RunningProxy> {
  const proxy = new UdpProxy(spec, host)
  const port = await host.listenUdp(spec.remotePort, (payload, from) => {
    proxy.handlePacket(payload, from)
  })
  host.log.info(`udp proxy listen port [${port.port}]`)
  proxy.start(port)
  return { remoteAddr: `:${port.port}`, close: () => proxy.close() }
}

type User = UdpUser<Flow>

class UdpProxy {
  readonly #spec: ProxySpec
  readonly #host: ProxyHost
  readonly #clock: Clock
  readonly #users: UdpUsers<Flow>
  readonly #hold = new PacketHold<User>()
  readonly #closing = new AbortController()
  readonly #bucket: TokenBucket | undefined
  #port: OpenUdpPort | undefined
  #link: FlowLink | undefined
  #cancelSweep: (() => void) | undefined
  #cancelWait: (() => void) | undefined
  #hasFailed = false

  constructor(spec: ProxySpec, host: ProxyHost) {
    this.#spec = spec
    this.#host = host
    this.#clock = host.clock
    this.#users = new UdpUsers({ ...host.udpLimits, idleMs: FRP_IDLE_MS })
    const rate = spec.limitBytesPerSecond
    this.#bucket = rate > 0 ? new TokenBucket(rate, host.clock.now()) : undefined
  }

  start(port: OpenUdpPort): void {
    this.#port = port
    if (this.#host.packets.isReal) this.#openAfter(FRP_FIRST_LINK_MS)
    else void this.#open()
  }

  /** `payload` is lent. */
  handlePacket(payload: Buffer, from: Address): void {
    const now = this.#clock.now()
    const user = this.#users.handlePacket(from, now) ?? this.#admit(from, now)
    if (user === undefined) return
    this.#host.countTraffic(payload.length, 0)
    if (this.#link === undefined) this.#hold.push(user, payload, now)
    else this.#forward(user, payload)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#cancelSweep?.()
    this.#cancelWait?.()
    this.#link?.close()
    await this.#port?.close()
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
      this.#users.handleAnswer(user, this.#clock.now())
      this.#host.countTraffic(0, payload.length)
      this.#port?.send(payload, user.address)
    })
    // The client has forgotten him, or the link is over: his next packet opens another flow.
    flow.onClose(() => (user.session = undefined))
    return flow
  }

  // ---- the link

  async #open(): Promise<void> {
    const { signal } = this.#closing
    let link: FlowLink
    try {
      link = await this.#makeLink(signal)
    } catch (error) {
      if (signal.aborted) return
      if (!this.#hasFailed) this.#host.log.warn(`no link for packets: ${errorDetail(error)}`)
      this.#hasFailed = true
      this.#openAfter(NEXT_LINK_MS)
      return
    }
    if (signal.aborted) {
      link.close()
      return
    }
    this.#hasFailed = false
    this.#link = link
    const { peerIdleMs } = link
    this.#users.idleMs = peerIdleMs === undefined ? FRP_IDLE_MS : peerIdleMs + IDLE_ALLOWANCE_MS
    this.#hold.release(this.#clock.now(), (user, payload) => this.#forward(user, payload))
    const reason = await link.closed
    this.#link = undefined
    if (signal.aborted) return
    this.#host.log.debug(`the link for packets is over: ${reason}`)
    this.#openAfter(NEXT_LINK_MS)
  }

  async #makeLink(signal: AbortSignal): Promise<FlowLink> {
    const { packets, clock, encryptionKey } = this.#host
    const { stream } = await this.#host.openWorkStream(undefined, { signal })
    const layered = layerStream(stream, {
      encryptionKey: this.#spec.useEncryption ? encryptionKey : undefined,
      compression: this.#spec.useCompression,
      limiter: this.#bucket && { bucket: this.#bucket, side: 'plain' },
      clock,
    })
    if (packets.isReal) return frpFlowLink({ stream: layered, side: 'user', clock })
    return openFlowLink({ stream: layered, session: packets.session, clock, bucket: this.#bucket })
  }

  #openAfter(delayMs: number): void {
    this.#cancelWait = this.#clock.after(delayMs, () => void this.#open())
  }

  // ---- time

  #sweepAfter(delayMs: number): () => void {
    return this.#clock.after(delayMs, () => this.#sweep())
  }

  #sweep(): void {
    this.#cancelSweep = undefined
    const now = this.#clock.now()
    for (let user = this.#users.poll(now); user !== undefined; user = this.#users.poll(now)) {
      user.session?.close()
    }
    const deadline = this.#users.deadline()
    // A busy table's deadline is always near; once a second is soon enough.
    if (deadline === undefined) return
    this.#cancelSweep = this.#sweepAfter(Math.max(1_000, deadline - now))
  }
}
