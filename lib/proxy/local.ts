// The client half of a proxy: a work stream that names it is joined with the local service, as the
// proxy's type wants it.

import { formatAddress } from '../address.ts'
import type { ProxyConfig } from '../config/index.ts'
import { OwnerSecret } from '../e2e/index.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { PeerStatus } from '../peer/index.ts'
import type { Stream } from '../transport/transport.ts'
import { serveFrpHole } from './frp-hole.ts'
import type { Joined, JoinOptions, UserConnection } from './join.ts'
import { LocalLeg, type LocalLegOptions } from './local-leg.ts'
import { joinSudp, joinUdp, newUdpService } from './local-packets.ts'
import { LocalPeers, type LocalPeersOptions } from './local-peers.ts'
import { joinStream } from './local-stream.ts'
import type { UdpService } from './udp-service.ts'

export interface LocalProxyOptions extends LocalLegOptions {
  /** Prefix of the names on the wire. Default: none. */
  readonly user?: string
  /** For xtcp proxies. */
  readonly peers?: PeerOptions
}

export interface PeerOptions {
  readonly network: LocalPeersOptions['network']
  readonly log: Logger
  readonly onChange: () => void
}

/**
 * One proxy at the client. Lives as long as the client: its bandwidth limit survives a reconnect.
 */
export class LocalProxy {
  readonly config: ProxyConfig
  readonly leg: LocalLeg
  /** Of a secret proxy: what it offers to servers of ours, and how it knows its visitors. */
  readonly secret: OwnerSecret | undefined
  readonly #udp: UdpService | undefined
  readonly #peers: LocalPeers | undefined
  /** With the user prefix. */
  readonly #name: string
  readonly #end = new AbortController()
  /** Of an xtcp proxy. */
  readonly #opening = new Set<Stream>()

  constructor(config: ProxyConfig, options: LocalProxyOptions) {
    this.config = config
    const { user = '' } = options
    this.#name = user === '' ? config.name : `${user}.${config.name}`
    this.leg = new LocalLeg(config, options)
    this.secret = secretOf(config, options)
    this.#peers = this.#newPeers(options)
    this.#udp = config.type === 'udp' ? newUdpService(config, options.clock) : undefined
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
  join(stream: Stream, user: UserConnection, options: JoinOptions): Promise<Joined> {
    const { config, leg, secret } = this
    stream.setPriority?.(config.transport.priority)
    if (config.type === 'udp' && this.#udp !== undefined) {
      return joinUdp({ config, leg, service: this.#udp }, stream, options)
    }
    if (config.type === 'sudp') return joinSudp({ config, leg, secret }, stream, user, options)
    const { introduction } = user
    if (this.#peers !== undefined && introduction !== undefined) {
      const { source } = user
      return this.#peers.join(stream, introduction, { ...options, source })
    }
    if (config.type === 'xtcp') {
      if (options.holes === undefined) {
        stream.destroy()
        return Promise.reject(new TunnelError('UNSUPPORTED', 'there is no way to open holes'))
      }
      const { signal } = this.#end
      const { log } = options
      const owner = { config, name: this.#name, leg, opening: this.#opening }
      return serveFrpHole(owner, stream, {
        ...options.holes,
        log,
        signal,
      })
    }
    return joinStream({ config, leg, secret }, stream, user, options)
  }

  #newPeers({ peers }: LocalProxyOptions): LocalPeers | undefined {
    const { config, leg, secret } = this
    if (config.type !== 'xtcp' || secret === undefined || peers === undefined) return undefined
    const log = peers.log.child({ source: 'client/proxy', tags: [config.name] })
    return new LocalPeers({ ...peers, log, config, leg, secret })
  }

  /** Its visitors with peer connections. */
  peers(): PeerStatus[] {
    return this.#peers?.status() ?? []
  }

  /** The client is over. */
  close(): void {
    this.#udp?.close()
    this.#peers?.close()
    this.#end.abort()
  }
}

function secretOf(
  config: ProxyConfig,
  { user = '', clock }: LocalProxyOptions,
): OwnerSecret | undefined {
  if (!('secretKey' in config)) return undefined
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
