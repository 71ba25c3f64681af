// frps between two peers that want to open a hole with frp's exchange: lets the visitor in, asks
// the owner for his addresses, decides who does what, and tells both (frp-wire.md sections 7.1, 7.4
// and 7.5). Sans-IO. How a message travels is its driver's business (lib/server/natholes.ts).
//
// frp tells the sender one second after the receiver, who must have opened his NAT by the time that
// the sender's packets come. Here whoever is to be late waits for as long as that takes.

import { errorDetail } from '../errors.ts'
import { isAuthKey } from '../wire/auth.ts'
import type {
  Draft,
  NatHoleClient,
  NatHoleReport,
  NatHoleResp,
  NatHoleVisitor,
} from '../wire/messages.ts'
import { BehaviorMemory, type Proposal } from './behavior-memory.ts'
import {
  bounded,
  delayMs,
  MAX_TEXT,
  pairText,
  response,
  sideOf,
  tryMs,
} from './instructions.ts'

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
/**
 * Clocks may differ by so much; frp does not look, so that a key that was heard is good for ever.
 */
const MAX_CLOCK_OFFSET_S = 300
/** A real visitor has one at a time for each of its doors. */
const MAX_SESSIONS_OF_VISITOR = 64
const MAX_SESSIONS = 4_096

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

/** An empty list means the owner's own user, `*` everybody. */
function isAllowed(door: HoleDoor<HoleParty>, user: string): boolean {
  const allowed = door.allowUsers.length === 0 ? [door.owner.user] : door.allowUsers
  return allowed.includes(user) || allowed.includes('*')
}
