// Joins work streams that carry packets with a local service: all users of a udp proxy on one
// stream, or those of one sudp visitor. What a visitor's packets come on is a link whose packets
// only he and we can read, where he is one of ours.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { SudpProxyConfig, UdpProxyConfig, XtcpProxyConfig } from '../config/index.ts'
import { acceptFlowLink, type FlowLink, frpFlowLink, type Redundancy } from '../datagram/index.ts'
import { type Guest, type OwnerSecret, refuse, type SessionKeys } from '../e2e/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { VisitorIntroduction } from '../wire/messages.ts'
import type { Joined, JoinOptions, UserConnection } from './join.ts'
import type { LocalLeg } from './local-leg.ts'
import { admitGuest } from './local-stream.ts'
import { sealedLink } from './sealed-link.ts'
import { UdpService } from './udp-service.ts'

type PacketOptions = Pick<JoinOptions, 'log' | 'packets'>

/** The users of a udp proxy, who are served by one service as long as the client lives. */
export async function joinUdp(
  { config, leg, service }: { config: UdpProxyConfig; leg: LocalLeg; service: UdpService },
  stream: Duplex,
  { log, packets }: PacketOptions,
): Promise<Joined> {
  const layered = leg.layered(stream)
  const { clock, bucket } = leg
  if (packets.isReal) {
    return { ended: service.serve(frpFlowLink({ stream: layered, side: 'service', clock }), log) }
  }
  const { session } = packets
  const redundancy = config.transport.udpRedundancy
  const { idleMs } = service
  const link = await acceptFlowLink({ stream: layered, session, clock, idleMs, bucket, redundancy })
  return { ended: service.serve(link, log) }
}

/** A visitor's packets; as in frp each visitor has users of its own. */
export async function joinSudp(
  proxy: { config: SudpProxyConfig; leg: LocalLeg; secret: OwnerSecret | undefined },
  stream: Duplex,
  { introduction }: UserConnection,
  { log, packets }: PacketOptions,
): Promise<Joined> {
  const { config, leg, secret } = proxy
  const service = newUdpService(config, leg.clock)
  const serve = (link: FlowLink): Joined => ({
    ended: service.serve(link, log).finally(() => service.close()),
  })
  if (introduction === undefined || introduction.ephemeral === '' || secret === undefined) {
    const plain = introduction && (await admitGuest(proxy, stream, introduction, log))
    const layered = plain ?? leg.layered(stream)
    return serve(frpFlowLink({ stream: layered, side: 'service', clock: leg.clock }))
  }
  const { idleMs } = service
  const redundancy = config.transport.udpRedundancy
  const options = { log, packets, idleMs, redundancy }
  const { link } = await acceptPacketVisit({ leg, secret }, stream, introduction, options)
  return serve(link)
}

export interface PacketVisitOptions extends PacketOptions {
  /** How long a silent user of the visitor is kept. */
  readonly idleMs: number
  readonly redundancy: Redundancy | undefined
}

/**
 * The packets of a visitor of ours, opened. Owns `stream`. Rejects with AUTH_FAILED (logged here,
 * the visitor is told), or as acceptFlowLink does.
 */
export async function acceptPacketVisit(
  { leg, secret }: { readonly leg: LocalLeg; readonly secret: OwnerSecret },
  stream: Duplex,
  introduction: VisitorIntroduction,
  { log, packets, idleMs, redundancy }: PacketVisitOptions,
): Promise<{ readonly link: FlowLink; readonly keys: SessionKeys }> {
  const { clock, bucket } = leg
  const { keys } = await admitProven(secret, stream, { introduction, clock, log })
  const session = packets.isReal ? undefined : packets.session
  const link = await acceptFlowLink({ stream, session, clock, idleMs, bucket, redundancy })
  const ends = { sending: keys.toVisitor, receiving: keys.toProxy }
  return { link: sealedLink(link, ends, ignore), keys }
}

interface ProvenOptions {
  readonly introduction: VisitorIntroduction
  readonly clock: Clock
  readonly log: Logger
}

/** Packets are lost and reordered, so none of them can be the proof. */
async function admitProven(
  secret: OwnerSecret,
  stream: Duplex,
  { introduction, clock, log }: ProvenOptions,
): Promise<Guest> {
  try {
    const guest = await secret.guest(introduction, clock.now())
    // Visitors of packets bring one: this is one of another type.
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

function ignore(): void {}

/** Its caller closes it. */
export function newUdpService(
  config: UdpProxyConfig | SudpProxyConfig | XtcpProxyConfig,
  clock: Clock,
): UdpService {
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
