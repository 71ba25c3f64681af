// What frps tells two peers who want to open a hole: their addresses, who sends what, and when each
// of them hears of it (frp-wire.md section 7.5). Pure.

import { type Address, formatAddress } from '../address.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { Draft, NatHoleResp, PortsRange } from '../wire/messages.ts'
import type { Proposal } from './behavior-memory.ts'
import { type HoleBehavior, STEPS_TOGETHER } from './behaviors.ts'
import { natFeature, type NatFeature, parseHoleAddresses } from './feature.ts'

/** Of what a peer sends and the other one gets. */
export const MAX_TEXT = 256
/** For the receiver: reading the message, making its packets, and a loop that is busy. */
const RECEIVER_MS = 50
/** A packet to each port of a range goes out every 2 ms at a real peer. */
const RANGE_STEP_MS = 2
/** To open a socket and send from it, with a slow processor. */
const SOCKET_MS = 1
/** Where the round trip is not known; most are shorter. */
const UNKNOWN_RTT_MS = 200
/** Longest that we let a sender wait: frp's delay. */
const MAX_SENDER_DELAY_MS = 1_000
/** More ports ahead than this are a search, fewer a dance. */
const MANY_AHEAD = 100
/** A real peer sends two, and ten. */
const MAX_MAPPED = 4
const MAX_ASSISTED = 16
/** Of one try beyond the delays; and where random ports are tried. As frp. */
const READ_TIMEOUT_MS = 5_000
const SPRAY_TIMEOUT_MS = 30_000

/** A peer as his addresses show him. */
export interface Side {
  readonly mapped: readonly Address[]
  readonly assisted: readonly Address[]
  readonly feature: NatFeature
  readonly ip: string
}

/** Throws PROTOCOL_ERROR with frp's words. */
export function sideOf(
  whose: 'client' | 'visitor',
  message: { readonly mapped_addrs: readonly string[]; readonly assisted_addrs: readonly string[] },
): Side {
  const mapped = parseHoleAddresses(message.mapped_addrs, MAX_MAPPED)
  const assisted = parseHoleAddresses(message.assisted_addrs, MAX_ASSISTED)
  try {
    const feature = natFeature(mapped, assisted.map(({ ip }) => ip))
    return { mapped, assisted, feature, ip: mapped[0]?.ip ?? '' }
  } catch (error) {
    const detail = `classify ${whose} nat feature error: ${errorDetail(error)}`
    throw new TunnelError('PROTOCOL_ERROR', detail, { cause: error })
  }
}

/** How long a try takes, counted from the messages. */
export function tryMs({ owner, visitor }: Proposal): number {
  const isSpray = owner.listenPorts > 0 || visitor.listenPorts > 0
  const delay = Math.max(owner.sendDelayMs, visitor.sendDelayMs)
  return delay + READ_TIMEOUT_MS + (isSpray ? SPRAY_TIMEOUT_MS : 0)
}

/**
 * Random ports are tried only at an address from which the server itself sees the peer, so that
 * nobody can have others flood a third party. Where the server does not see a public address of
 * him (they share a private network, or a proxy stands between) it cannot tell.
 */
export function bounded(
  behavior: HoleBehavior,
  peer: Side,
  party: { readonly ip: string },
): HoleBehavior {
  if (behavior.randomPorts === 0 || !isPublicIpv4(party.ip)) return behavior
  const isSeen = peer.mapped.some(({ ip }) => ip === party.ip)
  return isSeen ? behavior : { ...behavior, randomPorts: 0 }
}

function isPublicIpv4(ip: string): boolean {
  return (
    /^\d+\.\d+\.\d+\.\d+$/.test(ip) &&
    !/^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./
      .test(ip)
  )
}

/** When the late one is told: the other's packets must be on their way before his arrive there. */
export function delayMs(
  own: HoleBehavior,
  other: HoleBehavior,
  party: { rttMs(): number | undefined },
): number {
  if (!own.isLate) return 0
  const ports = other.rangePorts === 0 ? 0 : 2 * other.rangePorts + 1
  const oneWayMs = (party.rttMs() ?? UNKNOWN_RTT_MS) / 2
  const workMs = ports * RANGE_STEP_MS + other.listenPorts * SOCKET_MS
  return Math.min(MAX_SENDER_DELAY_MS, oneWayMs + RECEIVER_MS + workMs)
}

export function response({
  transactionId,
  sid,
  protocol,
  mode,
  behavior,
  peer,
  timeoutMs,
}: {
  readonly transactionId: string
  readonly sid: string
  readonly protocol: string
  readonly mode: number
  readonly behavior: HoleBehavior
  readonly peer: Side
  readonly timeoutMs: number
}): Draft<NatHoleResp> {
  return {
    type: 'NatHoleResp',
    transaction_id: transactionId.slice(0, MAX_TEXT),
    sid,
    protocol: protocol.slice(0, MAX_TEXT),
    candidate_addrs: texts(peer.mapped),
    assisted_addrs: texts(peer.assisted),
    detect_behavior: {
      role: behavior.role,
      mode,
      ttl: behavior.ttl,
      send_delay_ms: behavior.sendDelayMs,
      read_timeout: timeoutMs - behavior.sendDelayMs,
      candidate_ports: [...portsAround(peer, behavior.rangePorts), ...portsAhead(peer, behavior)],
      send_random_ports: behavior.randomPorts,
      listen_random_ports: behavior.listenPorts,
    },
  }
}

function texts(addresses: readonly Address[]): string[] {
  return [...new Set(addresses.map(formatAddress))]
}

/** One range around the port that the peer's NAT gave last; none without `most`. */
function portsAround({ mapped, feature }: Side, most: number): PortsRange[] {
  const last = mapped.at(-1)
  if (most <= 0 || last === undefined) return []
  const reach = Math.min(feature.portsDifference + 5, most)
  return [{ from: Math.max(1, last.port - reach), to: Math.min(65_535, last.port + reach) }]
}

/** One by one where they are not next to each other or go downwards: their order counts. */
function portsAhead(
  { mapped, feature }: Side,
  { aheadPorts, skips }: Pick<HoleBehavior, 'aheadPorts' | 'skips'>,
): PortsRange[] {
  const [before, last] = mapped.slice(-2)
  if (aheadPorts === 0 || before === undefined || last === undefined) return []
  const direction = last.port < before.port ? -1 : 1
  // Where one meets the other in step, steps are what the NAT takes; else every port is tried.
  const isInStep = aheadPorts < MANY_AHEAD
  const step = direction * (isInStep ? Math.max(1, feature.portsDifference) : 1)
  const ports: number[] = []
  for (let count = 1; count <= aheadPorts; count++) {
    const beyond = Math.max(0, count - STEPS_TOGETHER)
    const steps = skips ? count + beyond : count
    const port = last.port + step * steps
    if (port >= 1_024 && port <= 65_535) ports.push(port)
  }
  const [first = 0] = ports
  if (step === 1 && !skips && ports.length > 0) return [{ from: first, to: ports.at(-1) ?? first }]
  return ports.map(port => ({ from: port, to: port }))
}

export function pairText(owner: Side, visitor: Side, { mode, index }: Proposal): string {
  const words = ({ feature }: Side): string =>
    feature.isRegular ? `${feature.behavior}, regular` : feature.behavior
  return `owner ${words(owner)}; visitor ${words(visitor)}; mode ${mode}, index ${index}`
}
