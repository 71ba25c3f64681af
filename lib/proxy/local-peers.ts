// Joins the peer connections of visitors of ours with the local service of an xtcp proxy: over frps
// or directly makes no difference here.

import type { Duplex } from 'node:stream'
import type { XtcpProxyConfig } from '../config/index.ts'
import { acceptFlowLink } from '../datagram/index.ts'
import type { OwnerSecret } from '../e2e/index.ts'
import { errorDetail } from '../errors.ts'
import type { Logger } from '../log.ts'
import {
  OwnerPeers,
  type PeerNetwork,
  type PeerStatus,
  type StreamHead,
} from '../peer/index.ts'
import { layerStream } from '../stream/layers.ts'
import { serveRehearsal } from '../stream/rehearsal.ts'
import type { Session, Stream } from '../transport/transport.ts'
import type { VisitorIntroduction } from '../wire/messages.ts'
import type { Joined, JoinOptions, UserConnection } from './join.ts'
import type { LocalLeg } from './local-leg.ts'
import { acceptPacketVisit, newUdpService } from './local-packets.ts'
import { joinPlain } from './local-stream.ts'

export interface LocalPeersOptions {
  readonly config: XtcpProxyConfig
  readonly leg: LocalLeg
  readonly secret: OwnerSecret
  /** As it is while peers live; it starts when the first one comes. */
  readonly network: PeerNetwork & { start(): Promise<void> }
  readonly log: Logger
  readonly onChange: () => void
}

/** A visitor sends its first packet with the visit; silence of a flow means nothing. */
const FLOW_IDLE_MS = 3_600_000

export class LocalPeers {
  readonly #options: LocalPeersOptions
  readonly #peers: OwnerPeers

  constructor(options: LocalPeersOptions) {
    const { config, secret, network, leg, log, onChange } = options
    this.#options = options
    this.#peers = new OwnerPeers({
      name: secret.name,
      secretKey: secret.revealed,
      mayRelay: config.relay,
      network,
      clock: leg.clock,
      log,
      onChange,
      serve: (stream, head, session) => this.#serveKind(stream, head, session),
    })
  }

  /** A visitor whom frps has introduced. Rejects as acceptPacketVisit does. */
  async join(
    stream: Duplex,
    introduction: VisitorIntroduction,
    { source, log, packets }: Pick<UserConnection, 'source'> & Pick<JoinOptions, 'log' | 'packets'>,
  ): Promise<Joined> {
    const { leg, secret, network } = this.#options
    // What servers see of this machine is asked while the visitor shakes hands.
    void network.start()
    const options = { log, packets, idleMs: FLOW_IDLE_MS, redundancy: 0 } as const
    const { link, keys } = await acceptPacketVisit({ leg, secret }, stream, introduction, options)
    const observed = source?.ip
    const ended = this.#peers.serveLink(link, { keys, observed })
    return { ended: ended.then(() => ({ bytesToLocal: 0, bytesToUser: 0 })) }
  }

  status(): PeerStatus[] {
    return this.#peers.status()
  }

  close(): void {
    this.#peers.close()
  }

  #serveKind(stream: Stream, head: StreamHead, session: Session): Promise<void> {
    const { config } = this.#options
    switch (head.kind) {
      case 'packets':
        return this.#servePackets(stream, session)
      case 'rehearsal':
        return serveRehearsal(port => {
          return this.#serve(stream, head, { ...config, localIP: '127.0.0.1', localPort: port })
        })
      default:
        return this.#serve(stream, head, config)
    }
  }

  /** The users of one visitor. */
  async #servePackets(stream: Stream, session: Session): Promise<void> {
    const { config, leg, log } = this.#options
    const service = newUdpService(config, leg.clock)
    const { clock, bucket } = leg
    const { idleMs } = service
    const redundancy = config.transport.udpRedundancy
    try {
      const options = { stream, session, clock, bucket, idleMs, redundancy }
      await service.serve(await acceptFlowLink(options), log)
    } catch (error) {
      log.debug(`a visitor's packets were not served: ${errorDetail(error)}`)
    } finally {
      service.close()
    }
  }

  async #serve(
    stream: Stream,
    { compression }: StreamHead,
    config: XtcpProxyConfig,
  ): Promise<void> {
    const { leg, log } = this.#options
    stream.setPriority?.(config.transport.priority)
    const plain = layerStream(leg.limited(stream), { compression })
    try {
      const { ended } = await joinPlain({ config, leg }, plain, { halfClose: true, log })
      await ended
    } catch (error) {
      // A service that is down was logged.
      log.debug(`a visitor's user was not served: ${errorDetail(error)}`)
    }
  }
}
