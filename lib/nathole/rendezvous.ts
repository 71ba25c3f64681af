// frps between two peers that want to open a hole with frp's exchange: lets the visitor in, asks the
// owner for his addresses, decides who does what, and tells both (frp-wire.md sections 7.1, 7.4 and
// 7.5). Sans-IO. How a message travels is its driver's business (lib/server/natholes.ts).
//
// frp tells the sender one second after the receiver, who must have opened his NAT by the time that
// the sender's packets come. Here whoever is to be late waits for as long as that takes.

import type { Address } from '../address.ts'
import { formatAddress } from '../address.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { isAuthKey } from '../wire/auth.ts'
import type {
  Draft,
  NatHoleClient,
  NatHoleReport,
  NatHoleResp,
  NatHoleVisitor,
  PortsRange,
} from '../wire/messages.ts'
import { BehaviorMemory, type Proposal } from './behavior-memory.ts'
import { type HoleBehavior, STEPS_TOGETHER } from './behaviors.ts'
import { natFeature, type NatFeature, parseHoleAddresses } from './feature.ts'

/** A client that is logged in; who he is is told by `===`. */
export interface HoleParty {
  readonly user: string
  /** As the server sees him. */
  readonly ip: string
  /** Round trip to him, where it is known. */
  rttMs(): number | undefined
}

/** An xtcp proxy. */
export interface HoleDoor<P extends HoleParty> {
  /** With the user prefix. */
  readonly name: string
  readonly owner: P
  /** Empty when the owner checks visitors himself. */
  readonly sk: string
  readonly ownerChecks: boolean
  /** Empty = the owner's user only; `*` = everybody. */
  readonly allowUsers: readonly string[]
}

/** For the owner, with the session id: what the server cannot check. */
export interface HoleIntroduction {
  readonly sid: string
  readonly protocol: string
  readonly sign_key: string
  readonly timestamp: number
}

export type RendezvousOutput<P extends HoleParty> =
  | { readonly type: 'send'; readonly to: P; readonly message: Draft<NatHoleResp> }
  /** Tell the owner of the door that a visitor waits. */
  | { readonly type: 'introduce'; readonly door: HoleDoor<P>; readonly visit: HoleIntroduction }
  /** For the log. */
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'paired'; readonly sid: string; readonly text: string }
  | {
      readonly type: 'reported'
      readonly sid: string
      readonly isSuccess: boolean
      readonly mode: number
      readonly index: number
    }

export interface RendezvousConfig {
  /** How long it is remembered which way worked (natholeAnalysisDataReserveHours). */
  readonly reserveMs: number
  /** A new session id; unique. */
  readonly newSid: () => string
}

/** The owner answers within it: he asks two STUN servers first, 3 s each. As frp. */
const OWNER_TIMEOUT_MS = 10_000
/** After the longest try, the report may come for so long. As frp. */
const REPORT_TIMEOUT_MS = 30_000
/** Of one try beyond the delays; and where random ports are tried. As frp. */
const READ_TIMEOUT_MS = 5_000
const SPRAY_TIMEOUT_MS = 30_000
/** Clocks may differ by so much; frp does not look, so that a key that was heard is good for ever. */
const MAX_CLOCK_OFFSET_S = 300
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
/** A real visitor has one at a time for each of its doors. */
const MAX_SESSIONS_OF_VISITOR = 64
const MAX_SESSIONS = 4_096
const MAX_TEXT = 256

interface Session<P extends HoleParty> {
  readonly sid: string
  readonly door: HoleDoor<P>
  readonly visitor: P
  readonly message: NatHoleVisitor
  proposal: Proposal | undefined
  /** Until then the owner may answer, and later report. */
  expiresAt: number
}

interface Delayed<P extends HoleParty> {
  readonly at: number
  readonly to: P
  readonly message: Draft<NatHoleResp>
}

/** Times in milliseconds but where it says seconds. */
export class Rendezvous<P extends HoleParty> {
  readonly #config: RendezvousConfig
  readonly #memory: BehaviorMemory
  readonly #doors = new Map<string, HoleDoor<P>>()
  readonly #sessions = new Map<string, Session<P>>()
  readonly #outputs: RendezvousOutput<P>[] = []
  #delayed: Delayed<P>[] = []

  constructor(config: RendezvousConfig) {
    this.#config = config
    this.#memory = new BehaviorMemory({ reserveMs: config.reserveMs })
  }

  /** The name is free. */
  open(door: HoleDoor<P>): void {
    this.#doors.set(door.name, door)
  }

  close(door: HoleDoor<P>): void {
    if (this.#doors.get(door.name) === door) this.#doors.delete(door.name)
  }

  /** `unixSeconds`: the wall clock, for the visitor's timestamp. */
  handleVisitor(
    message: NatHoleVisitor,
    visitor: P,
    { now, unixSeconds }: { readonly now: number; readonly unixSeconds: number },
  ): void {
    const door = this.#doors.get(message.proxy_name)
    const refusal = this.#refusal(message, { door, visitor, unixSeconds })
    if (refusal !== undefined || door === undefined) {
      this.#refuse(message.transaction_id, visitor, refusal ?? '')
      return
    }
    if (message.pre_check) {
      this.#answer(visitor, { transaction_id: message.transaction_id })
      return
    }
    const sid = this.#config.newSid()
    const expiresAt = now + OWNER_TIMEOUT_MS
    this.#sessions.set(sid, { sid, door, visitor, message, proposal: undefined, expiresAt })
    const { protocol, sign_key, timestamp } = message
    this.#outputs.push({
      type: 'introduce',
      door,
      visit: { sid, protocol, sign_key, timestamp },
    })
  }

  /** The owner's answer. One of another client, or to nothing, is dropped. */
  handleClient(message: NatHoleClient, owner: P, now: number): void {
    const session = this.#sessions.get(message.sid)
    if (session === undefined || session.door.owner !== owner || session.proposal) return
    const ownError = message.quicfrp?.error ?? ''
    if (ownError !== '') {
      this.#sessions.delete(session.sid)
      this.#refuse(session.message.transaction_id, session.visitor, ownError)
      return
    }
    try {
      this.#pair(session, message, now)
    } catch (error) {
      this.#sessions.delete(session.sid)
      const reason = errorDetail(error)
      this.#refuse(session.message.transaction_id, session.visitor, reason)
      this.#answer(owner, { transaction_id: message.transaction_id, error: reason })
    }
  }

  /** Only the owner reports. */
  handleReport({ sid, success }: NatHoleReport, owner: P, now: number): void {
    const session = this.#sessions.get(sid)
    if (session?.proposal === undefined || session.door.owner !== owner) return
    this.#sessions.delete(sid)
    const { mode, index } = session.proposal
    if (success) this.#memory.handleSuccess(session.proposal, now)
    this.#outputs.push({ type: 'reported', sid, isSuccess: success, mode, index })
  }

  /** A client has left. */
  handleGone(party: P): void {
    for (const [sid, { visitor, door }] of this.#sessions) {
      if (visitor === party || door.owner === party) this.#sessions.delete(sid)
    }
    this.#delayed = this.#delayed.filter(({ to }) => to !== party)
  }

  poll(now: number): RendezvousOutput<P> | undefined {
    const output = this.#outputs.shift()
    if (output !== undefined) return output
    const due = this.#delayed.findIndex(({ at }) => at <= now)
    if (due >= 0) {
      const [first] = this.#delayed.splice(due, 1)
      if (first !== undefined) return { type: 'send', to: first.to, message: first.message }
    }
    // Silent, as frp: the visitor's own time is over long before.
    for (const [sid, { expiresAt }] of this.#sessions) {
      if (expiresAt <= now) this.#sessions.delete(sid)
    }
    return undefined
  }

  deadline(): number | undefined {
    let at = Infinity
    for (const delayed of this.#delayed) at = Math.min(at, delayed.at)
    for (const { expiresAt } of this.#sessions.values()) at = Math.min(at, expiresAt)
    return at === Infinity ? undefined : at
  }

  get sessions(): number {
    return this.#sessions.size
  }

  #refusal(
    message: NatHoleVisitor,
    {
      door,
      visitor,
      unixSeconds,
    }: {
      readonly door: HoleDoor<P> | undefined
      readonly visitor: P
      readonly unixSeconds: number
    },
  ): string | undefined {
    const { proxy_name: name, sign_key, timestamp, pre_check } = message
    if (door === undefined) return `xtcp server for [${name}] doesn't exist`
    if (!pre_check) {
      const isKeyRight = door.ownerChecks || isAuthKey(door.sk, timestamp, sign_key)
      if (!isKeyRight) return `xtcp connection of [${name}] auth failed`
      if (Math.abs(timestamp - unixSeconds) > MAX_CLOCK_OFFSET_S) {
        return `xtcp connection of [${name}] auth failed: the clocks differ by more than 5 minutes`
      }
    }
    // frp looks at the list only when a visitor asks politely first.
    if (!isAllowed(door, visitor.user)) {
      return `xtcp visitor user [${visitor.user}] not allowed for [${name}]`
    }
    if (pre_check) return undefined
    const sessions = [...this.#sessions.values()]
    const own = sessions.filter(session => session.visitor === visitor).length
    if (own >= MAX_SESSIONS_OF_VISITOR || sessions.length >= MAX_SESSIONS) {
      return 'too many xtcp visitors wait, try again later'
    }
    return undefined
  }

  #refuse(transactionId: string, to: P, reason: string): void {
    this.#outputs.push({ type: 'refused', reason })
    this.#answer(to, { transaction_id: transactionId, error: reason })
  }

  #answer(to: P, answer: Omit<Draft<NatHoleResp>, 'type'>): void {
    const { transaction_id = '', error = '' } = answer
    const bounded = {
      transaction_id: transaction_id.slice(0, MAX_TEXT),
      error: error.slice(0, 2 * MAX_TEXT),
    }
    this.#outputs.push({ type: 'send', to, message: { type: 'NatHoleResp', ...bounded } })
  }

  #pair(session: Session<P>, answer: NatHoleClient, now: number): void {
    const { message, door, visitor, sid } = session
    const owners = sideOf('client', answer)
    const visitors = sideOf('visitor', message)
    const proposal = this.#memory.propose(owners, visitors, now)
    session.proposal = proposal
    const common = { sid, protocol: message.protocol, mode: proposal.mode }
    const timeoutMs = tryMs(proposal)
    const toVisitor = response({
      ...common,
      transactionId: message.transaction_id,
      behavior: bounded(proposal.visitor, owners, door.owner),
      peer: owners,
      timeoutMs,
    })
    const toOwner = response({
      ...common,
      transactionId: answer.transaction_id,
      behavior: bounded(proposal.owner, visitors, visitor),
      peer: visitors,
      timeoutMs,
    })
    this.#send(now, visitor, toVisitor, delayMs(proposal.visitor, proposal.owner, door.owner))
    this.#send(now, door.owner, toOwner, delayMs(proposal.owner, proposal.visitor, visitor))
    session.expiresAt = now + timeoutMs + REPORT_TIMEOUT_MS
    this.#outputs.push({ type: 'paired', sid, text: pairText(owners, visitors, proposal) })
  }

  #send(now: number, to: P, message: Draft<NatHoleResp>, delay: number): void {
    if (delay === 0) this.#outputs.push({ type: 'send', to, message })
    else this.#delayed.push({ at: now + delay, to, message })
  }
}

interface Side {
  readonly mapped: readonly Address[]
  readonly assisted: readonly Address[]
  readonly feature: NatFeature
  readonly ip: string
}

/** Throws PROTOCOL_ERROR with frp's words. */
function sideOf(
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
function tryMs({ owner, visitor }: Proposal): number {
  const isSpray = owner.listenPorts > 0 || visitor.listenPorts > 0
  const delay = Math.max(owner.sendDelayMs, visitor.sendDelayMs)
  return delay + READ_TIMEOUT_MS + (isSpray ? SPRAY_TIMEOUT_MS : 0)
}

/**
 * Random ports are tried only at an address from which the server itself sees the peer, so that
 * nobody can have others flood a third party. Where the server does not see a public address of
 * him (they share a private network, or a proxy stands between) it cannot tell.
 */
function bounded(behavior: HoleBehavior, peer: Side, party: HoleParty): HoleBehavior {
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
function delayMs(own: HoleBehavior, other: HoleBehavior, party: HoleParty): number {
  if (!own.isLate) return 0
  const ports = other.rangePorts === 0 ? 0 : 2 * other.rangePorts + 1
  const oneWayMs = (party.rttMs() ?? UNKNOWN_RTT_MS) / 2
  const workMs = ports * RANGE_STEP_MS + other.listenPorts * SOCKET_MS
  return Math.min(MAX_SENDER_DELAY_MS, oneWayMs + RECEIVER_MS + workMs)
}

function response({
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

function pairText(owner: Side, visitor: Side, { mode, index }: Proposal): string {
  const words = ({ feature }: Side): string =>
    feature.isRegular ? `${feature.behavior}, regular` : feature.behavior
  return `owner ${words(owner)}; visitor ${words(visitor)}; mode ${mode}, index ${index}`
}

/** An empty list means the owner's own user, `*` everybody. */
function isAllowed(door: HoleDoor<HoleParty>, user: string): boolean {
  const allowed = door.allowUsers.length === 0 ? [door.owner.user] : door.allowUsers
  return allowed.includes(user) || allowed.includes('*')
}
