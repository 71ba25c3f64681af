// The server half of a udp proxy: a public port, and one link to the client that carries the
// packets of all its users (frp-wire.md section 6.2).

import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { type FlowLink, frpFlowLink, openFlowLink } from '../datagram/index.ts'
import { errorDetail } from '../errors.ts'
import { layerStream } from '../stream/layers.ts'
import { TokenBucket } from '../stream/limit.ts'
import type { OpenUdpPort, ProxyHost, ProxySpec, RunningProxy } from './host.ts'
import { UserFlows } from './user-flows.ts'

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

class UdpProxy {
  readonly #spec: ProxySpec
  readonly #host: ProxyHost
  readonly #clock: Clock
  readonly #flows: UserFlows
  readonly #closing = new AbortController()
  readonly #bucket: TokenBucket | undefined
  #port: OpenUdpPort | undefined
  #cancelWait: (() => void) | undefined
  #hasFailed = false

  constructor(spec: ProxySpec, host: ProxyHost) {
    this.#spec = spec
    this.#host = host
    this.#clock = host.clock
    this.#flows = new UserFlows({
      limits: host.udpLimits,
      clock: host.clock,
      answer: (payload, to) => {
        host.countTraffic(0, payload.length)
        this.#port?.send(payload, to)
      },
    })
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
    const { length } = payload
    if (this.#flows.handlePacket(payload, from)) this.#host.countTraffic(length, 0)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#cancelWait?.()
    this.#flows.close()
    await this.#port?.close()
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
    const reason = await this.#flows.use(link)
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
}
