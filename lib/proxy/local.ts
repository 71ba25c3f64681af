// The client half of a tcp-like proxy: a work stream that names this proxy is joined with the local
// service. Order of the layers: frp-wire.md §1.11; PROXY header: §5.3; sequence: §5.2.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import { type Address, formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ProxyConfig, SudpProxyConfig, UdpProxyConfig } from '../config/index.ts'
import { acceptFlowLink, type FlowLink, frpFlowLink } from '../datagram/index.ts'
import { type Guest, OwnerSecret, refuse } from '../e2e/index.ts'
import { errorDetail, errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { layerStream, type StreamLimiter } from '../stream/layers.ts'
import { TokenBucket } from '../stream/limit.ts'
import { encodeProxyHeader } from '../stream/proxy-protocol.ts'
import { splice } from '../stream/splice.ts'
import type { Stream } from '../transport/transport.ts'
import type { VisitorIntroduction } from '../wire/messages.ts'
import { admitOwn, admitReal } from './guest.ts'
import { type PacketWay, SOCKET_HIGH_WATER_MARK } from './host.ts'
import { sealedLink } from './sealed-link.ts'
import { UdpService } from './udp-service.ts'

/** Longest wait for the local service, as frp's. */
const LOCAL_DIAL_TIMEOUT_MS = 10_000

export interface LocalProxyOptions {
  /** The key of the token (deriveKey), for proxies with useEncryption. */
  readonly encryptionKey: Buffer
  readonly clock: Clock
  /** Prefix of the names on the wire. Default: none. */
  readonly user?: string
}

/** Whose connection it is, as the server told. */
export interface UserConnection {
  readonly source: Address | undefined
  readonly destination: Address | undefined
  /** Of a visitor whose key is for us to check. */
  readonly introduction?: VisitorIntroduction | undefined
}

export interface JoinOptions {
  /** Whether the server keeps an end in one direction apart from the other one. */
  readonly halfClose: boolean
  /** Its tags end with the name of the proxy. */
  readonly log: Logger
  /** For types that carry packets. */
  readonly packets: PacketWay
}

export interface Joined {
  /** Resolves when both sides are closed. Never rejects. */
  readonly ended: Promise<{ readonly bytesToLocal: number; readonly bytesToUser: number }>
}

/**
 * One proxy at the client. Lives as long as the client: its bandwidth limit survives a reconnect.
 */
export class LocalProxy {
  readonly config: ProxyConfig
  readonly #options: LocalProxyOptions
  readonly #limiter: StreamLimiter | undefined
  /** Of a secret proxy: what it offers to servers of ours, and how it knows its visitors. */
  readonly secret: OwnerSecret | undefined
  readonly #udp: UdpService | undefined

  constructor(config: ProxyConfig, options: LocalProxyOptions) {
    this.config = config
    this.#options = options
    const { bandwidthLimit, bandwidthLimitMode } = config.transport
    if (bandwidthLimitMode === 'client' && bandwidthLimit.bytesPerSecond > 0) {
      const bucket = new TokenBucket(bandwidthLimit.bytesPerSecond, options.clock.now())
      this.#limiter = { bucket, side: 'wire' }
    }
    this.secret = secretOf(config, options)
    this.#udp = udpServiceOf(config, options)
  }

  /** `127.0.0.1:22` */
  get localAddr(): string {
    return formatAddress({ ip: this.config.localIP, port: this.config.localPort })
  }

  /**
   * Connects to the local service and joins it with the work stream, which is owned from the call
   * on. Resolves once they are joined. Rejects with LOCAL_SERVICE_DOWN or AUTH_FAILED (logged here,
   * the stream is closed at once) or STREAM_RESET (the user left meanwhile).
   */
  async join(
    stream: Stream,
    user: UserConnection,
    { halfClose, log, packets }: JoinOptions,
  ): Promise<Joined> {
    stream.setPriority?.(this.config.transport.priority)
    if (this.#udp !== undefined) return this.#joinPackets(this.#udp, stream, { log, packets })
    const { config } = this
    if (config.type === 'sudp') return this.#joinVisit(config, stream, user, { log, packets })
    const { introduction } = user
    const guest = introduction && (await this.#admit(stream, introduction, log))
    const local = await this.#dial(guest ?? stream, log)
    const { proxyProtocolVersion } = config.transport
    const header = proxyProtocolVersion !== '' && headerOf(proxyProtocolVersion, user)
    if (header) local.write(header)
    const plain = guest ?? this.#layered(stream)
    const ended = splice(plain, local, { halfClose }).then(({ aToB, bToA }) => ({
      bytesToLocal: aToB,
      bytesToUser: bToA,
    }))
    return { ended }
  }

  /** The client is over. */
  close(): void {
    this.#udp?.close()
  }

  async #joinPackets(
    udp: UdpService,
    stream: Duplex,
    { log, packets }: Pick<JoinOptions, 'log' | 'packets'>,
  ): Promise<Joined> {
    const layered = this.#layered(stream)
    const { clock } = this.#options
    if (packets.isReal) {
      const link = frpFlowLink({ stream: layered, side: 'service', clock })
      return { ended: udp.serve(link, log) }
    }
    const link = await acceptFlowLink({
      stream: layered,
      session: packets.session,
      clock,
      idleMs: udp.idleMs,
      bucket: this.#limiter?.bucket,
      ...('udpRedundancy' in this.config.transport && {
        redundancy: this.config.transport.udpRedundancy,
      }),
    })
    return { ended: udp.serve(link, log) }
  }

  /** A visitor's packets; as in frp each visitor has users of its own. */
  async #joinVisit(
    config: SudpProxyConfig,
    stream: Duplex,
    { introduction }: UserConnection,
    { log, packets }: Pick<JoinOptions, 'log' | 'packets'>,
  ): Promise<Joined> {
    const { clock } = this.#options
    const udp = newUdpService(config, clock)
    const serve = (link: FlowLink): Joined => ({
      ended: udp.serve(link, log).finally(() => udp.close()),
    })
    const { secret } = this
    if (introduction === undefined || introduction.ephemeral === '' || secret === undefined) {
      const plain = introduction && (await this.#admit(stream, introduction, log))
      const layered = plain ?? this.#layered(stream)
      return serve(frpFlowLink({ stream: layered, side: 'service', clock }))
    }
    const { keys } = await this.#admitPackets(secret, stream, introduction, log)
    const link = await acceptFlowLink({
      stream,
      session: packets.isReal ? undefined : packets.session,
      clock,
      idleMs: udp.idleMs,
      bucket: this.#limiter?.bucket,
      redundancy: config.transport.udpRedundancy,
    })
    const ends = { sending: keys.toVisitor, receiving: keys.toProxy }
    return serve(sealedLink(link, ends, ignore))
  }

  async #admitPackets(
    secret: OwnerSecret,
    stream: Duplex,
    introduction: VisitorIntroduction,
    log: Logger,
  ): Promise<Guest> {
    const { clock } = this.#options
    try {
      const guest = await secret.guest(introduction, clock.now())
      // The visitor learns the prekey from the server and comes again with a proof.
      if (!guest.isProven) throw new TunnelError('AUTH_FAILED', 'there is no proof yet')
      const refusal = guest.prove(clock.now())
      if (refusal !== undefined) throw new TunnelError('AUTH_FAILED', refusal)
      return guest
    } catch (error) {
      log.warn(`visitor refused: ${errorDetail(error)}`)
      refuse(stream, error, clock)
      throw error
    }
  }

  /** The bytes as they are inside the layers between us and the server. */
  #layered(stream: Duplex): Duplex {
    const { useEncryption, useCompression } = this.config.transport
    return layerStream(stream, {
      compression: useCompression,
      ...(useEncryption && { encryptionKey: this.#options.encryptionKey }),
      ...(this.#limiter && { limiter: this.#limiter, clock: this.#options.clock }),
    })
  }

  async #admit(
    stream: Duplex,
    introduction: VisitorIntroduction,
    log: Logger,
  ): Promise<Duplex | undefined> {
    const { secret, config } = this
    if (secret === undefined || !('requireEndToEnd' in config)) return undefined
    const { clock } = this.#options
    const options = { secret, clock, requireEndToEnd: config.requireEndToEnd }
    try {
      // End to end there is a layer of its own, and only the limit stays.
      if (introduction.ephemeral === '') {
        return admitReal(this.#layered(stream), introduction, options)
      }
      const limiter = this.#limiter
      return await admitOwn(layerStream(stream, { limiter, clock }), introduction, options)
    } catch (error) {
      log.warn(`visitor refused: ${errorDetail(error)}`)
      throw error
    }
  }

  #dial(stream: Duplex, log: Logger): Promise<net.Socket> {
    const { localIP: host, localPort: port } = this.config
    return new Promise((resolve, reject) => {
      // Node's types know `highWaterMark` for servers only; the option reaches every Duplex.
      const options = {
        host,
        port,
        allowHalfOpen: true,
        noDelay: true,
        highWaterMark: SOCKET_HIGH_WATER_MARK,
      }
      const socket = net.connect(options)
      const finish = (): void => {
        cancelTimer()
        stream.off('close', onGone)
        stream.off('error', onGone)
        socket.off('error', onDown)
        socket.off('connect', onConnect)
      }
      const fail = (error: TunnelError): void => {
        finish()
        // Errors of what is being thrown away say nothing new.
        socket.on('error', ignore)
        stream.on('error', ignore)
        socket.destroy()
        stream.destroy()
        reject(error)
      }
      const onGone = (): void => fail(new TunnelError('STREAM_RESET', 'the user has left'))
      const onDown = (cause: unknown): void => {
        const text = dialErrorText(cause)
        log.error(`connect to local service [${this.localAddr}] error: ${text}`)
        fail(
          new TunnelError('LOCAL_SERVICE_DOWN', `connect to ${this.localAddr}: ${text}`, { cause }),
        )
      }
      const onConnect = (): void => {
        finish()
        resolve(socket)
      }
      const cancelTimer = this.#options.clock.after(LOCAL_DIAL_TIMEOUT_MS, () =>
        onDown(new Error(`no answer within ${LOCAL_DIAL_TIMEOUT_MS / 1_000} s`)),
      )
      stream.on('close', onGone)
      stream.on('error', onGone)
      socket.on('error', onDown)
      socket.on('connect', onConnect)
      if (stream.destroyed) onGone()
    })
  }
}

function ignore(): void {}

function secretOf(config: ProxyConfig, options: LocalProxyOptions): OwnerSecret | undefined {
  if (!('secretKey' in config)) return undefined
  const { user = '', clock } = options
  return new OwnerSecret(
    {
      type: config.type,
      name: user === '' ? config.name : `${user}.${config.name}`,
      secretKey: config.secretKey.reveal(),
      useCompression: config.transport.useCompression,
    },
    clock.now(),
  )
}

/** A host name with several addresses fails with one error for each. */
function dialErrorText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ')
  return errorText(error)
}

/** frp's rule: no header without a source; a missing destination address is 127.0.0.1. */
function headerOf(
  version: 'v1' | 'v2',
  { source, destination }: UserConnection,
): Buffer | undefined {
  if (!source || source.port === 0) return undefined
  return encodeProxyHeader({
    version,
    source,
    destination: destination ?? { ip: '127.0.0.1', port: 0 },
  })
}

function udpServiceOf(config: ProxyConfig, { clock }: LocalProxyOptions): UdpService | undefined {
  return config.type === 'udp' ? newUdpService(config, clock) : undefined
}

function newUdpService(config: UdpProxyConfig | SudpProxyConfig, clock: Clock): UdpService {
  const { localIP, localPort, udpIdleTimeout, localAddrPerUser, transport } = config
  return new UdpService({
    localIP,
    localPort,
    idleMs: udpIdleTimeout * 1_000,
    proxyProtocolVersion: transport.proxyProtocolVersion,
    localAddrPerUser,
    clock,
  })
}
