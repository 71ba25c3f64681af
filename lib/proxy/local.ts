// The client half of a tcp-like proxy: a work stream that names this proxy is joined with the local
// service. Order of the layers: frp-wire.md §1.11; PROXY header: §5.3; sequence: §5.2.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import { type Address, formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ProxyConfig } from '../config/index.ts'
import { errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { layerStream, type StreamLimiter } from '../stream/layers.ts'
import { TokenBucket } from '../stream/limit.ts'
import { encodeProxyHeader } from '../stream/proxy-protocol.ts'
import { splice } from '../stream/splice.ts'
import type { Stream } from '../transport/transport.ts'
import { SOCKET_HIGH_WATER_MARK } from './host.ts'

/** Longest wait for the local service, as frp's. */
const LOCAL_DIAL_TIMEOUT_MS = 10_000

export interface LocalProxyOptions {
  /** The key of the token (deriveKey), for proxies with useEncryption. */
  readonly encryptionKey: Buffer
  readonly clock: Clock
}

/** Whose connection it is, as the server told. */
export interface UserConnection {
  readonly source: Address | undefined
  readonly destination: Address | undefined
}

export interface JoinOptions {
  /** Whether the server keeps an end in one direction apart from the other one. */
  readonly halfClose: boolean
  /** Its tags end with the name of the proxy. */
  readonly log: Logger
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

  constructor(config: ProxyConfig, options: LocalProxyOptions) {
    this.config = config
    this.#options = options
    const { bandwidthLimit, bandwidthLimitMode } = config.transport
    if (bandwidthLimitMode === 'client' && bandwidthLimit.bytesPerSecond > 0) {
      const bucket = new TokenBucket(bandwidthLimit.bytesPerSecond, options.clock.now())
      this.#limiter = { bucket, side: 'wire' }
    }
  }

  /** `127.0.0.1:22` */
  get localAddr(): string {
    return formatAddress({ ip: this.config.localIP, port: this.config.localPort })
  }

  /**
   * Connects to the local service and joins it with the work stream, which is owned from the call
   * on. Resolves once they are joined. Rejects with LOCAL_SERVICE_DOWN (logged here, the stream is
   * closed at once) or STREAM_RESET (the user left meanwhile).
   */
  async join(
    stream: Stream,
    user: UserConnection,
    { halfClose, log }: JoinOptions,
  ): Promise<Joined> {
    const local = await this.#dial(stream, log)
    const { useEncryption, useCompression, proxyProtocolVersion } = this.config.transport
    const header = proxyProtocolVersion !== '' && headerOf(proxyProtocolVersion, user)
    if (header) local.write(header)
    const layered = layerStream(stream, {
      compression: useCompression,
      ...(useEncryption && { encryptionKey: this.#options.encryptionKey }),
      ...(this.#limiter && { limiter: this.#limiter, clock: this.#options.clock }),
    })
    const ended = splice(layered, local, { halfClose }).then(({ aToB, bToA }) => ({
      bytesToLocal: aToB,
      bytesToUser: bToA,
    }))
    return { ended }
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
