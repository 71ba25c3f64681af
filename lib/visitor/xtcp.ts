// A visitor of an xtcp proxy. Between three of ours its users travel on one peer connection, over
// frps or directly; where the owner or frps is a real frp, through a hole that frp's exchange opens.

import type { Duplex } from 'node:stream'
import type { VisitorConfig, XtcpVisitorConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { PeerStatus } from '../peer/index.ts'
import { Target } from './exchange.ts'
import { FrpHolePath } from './frp-hole-path.ts'
import type { Visitor, VisitorHost } from './host.ts'
import type { PathStream, Route, VisitorPath } from './path.ts'
import { PeerPath } from './peer-path.ts'
import { StreamVisitor } from './stcp.ts'
import { PacketVisitor } from './sudp.ts'

export function xtcpVisitor(config: VisitorConfig, host: VisitorHost): Visitor {
  if (config.type !== 'xtcp') throw new TypeError('not an xtcp visitor')
  if (config.network === 'udp') return packetVisitor(config, host)
  const path = new XtcpPath(config, host)
  return new StreamVisitor(config, {
    host,
    path,
    onStart: () => path.start(),
    peer: () => path.status(),
    ...(config.fallbackTo !== '' && { fallback: user => fallBack(config, host, user) }),
  })
}

/** Between three of ours only: frp's holes carry byte streams. */
function packetVisitor(config: XtcpVisitorConfig, host: VisitorHost): Visitor {
  const target = new Target(config, host.user)
  const peers = new PeerPath(config, { host, network: host.network, target })
  peers.onRoute(() => host.changed())
  return new PacketVisitor(config, {
    host,
    open: options => peers.openPackets(options),
    route: () => peers.route,
    peer: () => peers.status(),
    onStart: () => {
      peers.start().catch((error: unknown) => {
        if (!(error instanceof TunnelError) || error.code !== 'UNSUPPORTED') return
        host.log.error(`${error.detail}: network = "udp" needs quicfrp in all three places`)
      })
    },
    onEnd: () => peers.end(),
  })
}

/** True when another visitor has taken the user. */
function fallBack({ fallbackTo }: XtcpVisitorConfig, host: VisitorHost, user: Duplex): boolean {
  const other = host.visitor(fallbackTo)
  if (other === undefined) {
    host.log.warn(`no visitor [${fallbackTo}] to fall back to`)
    return false
  }
  host.log.debug(`fallback to visitor: ${fallbackTo}`)
  other.serve(user)
  return true
}

/** How often, at most, it is asked whether there is still a real frp on the way. */
const LOOK_AGAIN_MS = 60_000

/** The peer connection, until it turns out that there is a real frp on the way. */
class XtcpPath implements VisitorPath {
  readonly #config: XtcpVisitorConfig
  readonly #host: VisitorHost
  readonly #peers: PeerPath
  #holes: FrpHolePath | undefined
  #lookedAt = -Infinity
  #onRoute: ((route: Route | undefined) => void) | undefined

  constructor(config: XtcpVisitorConfig, host: VisitorHost) {
    this.#config = config
    this.#host = host
    const target = new Target(config, host.user)
    this.#peers = new PeerPath(config, { host, network: host.network, target })
  }

  get route(): Route | undefined {
    return (this.#holes ?? this.#peers).route
  }

  status(): PeerStatus | undefined {
    return this.#peers.status()
  }

  onRoute(handler: (route: Route | undefined) => void): void {
    this.#onRoute = handler
    this.#peers.onRoute(handler)
  }

  start(): void {
    this.#peers.start().catch((error: unknown) => this.#handleFailure(error))
  }

  async openStream(options: { readonly signal: AbortSignal }): Promise<PathStream> {
    this.#lookAgain()
    if (this.#holes === undefined) {
      try {
        return await this.#peers.openStream(options)
      } catch (error) {
        if (this.#handleFailure(error) === undefined) throw error
      }
    }
    if (this.#holes === undefined) throw new TunnelError('SESSION_CLOSED', 'there is no path')
    return this.#holes.openStream(options)
  }

  async close(): Promise<void> {
    await Promise.all([this.#peers.close(), this.#holes?.close()])
  }

  end(): void {
    this.#peers.end()
  }

  /** A frpc or frps of ours may have taken the place of the real one. */
  #lookAgain(): void {
    const holes = this.#holes
    const now = this.#host.clock.now()
    if (holes === undefined || now - this.#lookedAt < LOOK_AGAIN_MS) return
    this.#lookedAt = now
    this.#peers.start().then(
      () => {
        if (this.#holes === holes) this.#holes = undefined
        // Its users stay until they leave.
        void holes.close()
      },
      () => {},
    )
  }

  /** The way of frp, when the error says that ours is not possible. */
  #handleFailure(error: unknown): FrpHolePath | undefined {
    if (!(error instanceof TunnelError) || error.code !== 'UNSUPPORTED') return undefined
    const { log, holeNetwork: network } = this.#host
    if (this.#holes === undefined) {
      if (this.#config.requireEndToEnd) return undefined
      log.info(`${error.detail}: frp's hole punching is used, without a relay`)
      this.#holes = new FrpHolePath(this.#config, { host: this.#host, network })
      this.#holes.onRoute(route => this.#onRoute?.(route))
      this.#lookedAt = this.#host.clock.now()
      this.#holes.start()
    }
    return this.#holes
  }
}
