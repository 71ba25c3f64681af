// Opens a direct path to a peer (nat-traversal.md §5.6): all candidates at once, both sides send
// again and again, and where a NAT gives each remote another port, it is guessed. Who guesses what
// is plan.ts, in which order guessers.ts; what becomes of a path is the path policy's. Sans-IO.

import {
  addressKey,
  guessableIps,
  mayBeSentTo,
  pathKindOf,
  preservedCandidates,
  usableCandidates,
  type Surroundings,
} from '../candidates.ts'
import { canonicalIp } from '../ip.ts'
import { Check, CheckList, MOST_TRIES } from './checks.ts'
import { Guessing, type Knowledge } from './guessing.ts'
import { isUnlikely, outlookOf } from './outlook.ts'
import { isHard } from './plan.ts'
import { techniqueOfCandidate, techniqueOfPath } from './technique.ts'
import type { Address } from '../../lib/address.ts'
import type { Probe } from '../probe.ts'
import type { Candidate, Offer } from '../types.ts'
import type {
  GaveUp,
  PunchEvent,
  PunchLimits,
  PunchOptions,
  PunchSend,
  RemoteOffer,
} from './types.ts'

const DEFAULT_LIMITS: PunchLimits = {
  sockets: 256,
  guesses: 2048,
  perSecond: 200,
  guessForMs: 10_000,
  openerTtl: 5,
}

/** Pairs of a round: two lists of candidates, and what showed only in probes. */
const MOST_CHECKS = 64
const MOST_LEARNED = 16
/**
 * One datagram of the peer, carried elsewhere by somebody on the way, wins an answer and so many
 * probes of ours; more only as he goes on.
 */
const LEARNED_TRIES = 2
/** Where it should not help, a probe goes out a few times all the same: profiles may be wrong. */
const HOPELESS_TRIES = 3
/** Paths that are told; a guess may hit several times. */
const MOST_PATHS = 8
/** Answers that wait to be sent; the driver drains them at once. */
const MOST_ANSWERS = 256
/** The peer may have found another one of our sockets at the same moment. */
const CLOSE_AFTER_MS = 500
/** Answers that come later than this after the end are to nobody. */
const FORGET_AFTER_MS = 30_000

interface Pending {
  readonly socket: number
  readonly to: Address
  readonly sentAt: number
}

/**
 * One round of punching. Tell it what happens (`handle…`), then take `poll` and `pollEvent` until
 * both give undefined, then wait until `deadline()`. Keep it until the next round begins: it
 * answers the peer's probes, also after it found a path or gave up.
 */
export class Puncher {
  readonly #options: PunchOptions
  readonly #limits: PunchLimits
  readonly #guessing: Guessing
  readonly #checks = new CheckList()
  readonly #pending = new Map<string, Pending>()
  readonly #answers: PunchSend[] = []
  readonly #events: PunchEvent[] = []
  #local: Offer
  #remote: RemoteOffer | undefined
  #startedAt = 0
  #learned = 0
  #paths = 0
  #hasGivenUp = false
  #closeAt = Infinity
  #forgetAt = Infinity

  constructor(options: PunchOptions, now: number) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#local = options.local
    const { role, random, serverRttMs, scope = 'full' } = options
    const isAllowed = scope === 'full'
    const limits = this.#limits
    this.#guessing = new Guessing({ role, random, serverRttMs, limits, isAllowed }, now)
  }

  /** The peer's offer; again when it has more candidates or newer samples. Starts the round. */
  handleRemote(remote: RemoteOffer, now: number): void {
    if (!this.#remote) this.#startedAt = now
    this.#remote = remote
    const usable = usableCandidates(remote.candidates, this.#surroundings())
    this.#learnOffers(remote, usable, now)
    const preserved = isHard(remote.profile)
      ? preservedCandidates(remote, this.#surroundings())
      : []
    for (const candidate of [...usable, ...preserved]) this.#try(candidate, remote, now)
    this.#advance(now)
  }

  /** Our own offer has changed, e.g. after `resample`. */
  handleLocal(local: Offer, now: number): void {
    this.#local = local
    this.#guessing.handleSample()
    const remote = this.#remote
    if (!remote) return
    const usable = usableCandidates(remote.candidates, this.#surroundings())
    this.#learnOffers(remote, usable, now)
    this.#advance(now)
  }

  /** True: it was a probe of this session, and nothing else shall look at it. */
  handleDatagram(socket: number, data: Uint8Array, from: Address, now: number): boolean {
    const probe = this.#options.session.receive(data)
    if (!probe) return false
    this.handleProbe(socket, probe, from, now)
    return true
  }

  /**
   * The same after `ProbeSession.receive`. False: an answer to a probe that is none of this round.
   */
  handleProbe(socket: number, probe: Probe, from: Address, now: number): boolean {
    const address = { ip: canonicalIp(from.ip), port: from.port }
    const isOurs =
      probe.type === 'request'
        ? this.#handleRequest(socket, probe, address, now)
        : this.#handleResponse(socket, probe, address, now)
    this.#advance(now)
    return isOurs
  }

  /** Answers `open-sockets`; fewer than asked for are fine, none too. */
  handleSockets(numbers: readonly number[], now: number): void {
    this.#guessing.handleSockets(numbers)
    if (this.#paths > 0 || this.#hasGivenUp) this.#closeSockets()
    this.#advance(now)
  }

  /** Answers `ask-token`. */
  handleToken(granted: boolean, now: number): void {
    this.#guessing.handleToken(granted)
    this.#advance(now)
  }

  poll(now: number): PunchSend | undefined {
    this.#advance(now)
    return this.#answers.shift() ?? this.#pollCheck(now) ?? this.#pollGuess(now)
  }

  pollEvent(): PunchEvent | undefined {
    return this.#events.shift() ?? this.#guessing.pollEvent()
  }

  /** Infinity: nothing is due. */
  deadline(): number {
    if (this.#answers.length > 0) return 0
    return Math.min(
      this.#checks.nextAt(),
      this.#guessing.deadline(),
      this.#closeAt,
      this.#forgetAt,
      this.#giveUpAt(),
    )
  }

  // The peer's probes.

  #handleRequest(socket: number, probe: Probe, from: Address, now: number): boolean {
    if (this.#answers.length < MOST_ANSWERS) {
      const data = this.#options.session.response(probe, from)
      this.#answers.push({ socket, to: from, data })
    }
    const known = this.#checks.find(socket, from)
    if (!known && !this.#mayLearn(from)) return true
    const check = known ?? this.#learn(socket, from, now)
    if (probe.isValidated) check.handlePeerValidated()
    check.trigger(now)
    return true
  }

  #handleResponse(socket: number, probe: Probe, from: Address, now: number): boolean {
    const pending = this.#pending.get(probe.id)
    if (!pending) return false
    // Somebody who carries answers elsewhere proves nothing about there.
    if (pending.socket !== socket || addressKey(pending.to) !== addressKey(from)) return true
    this.#pending.delete(probe.id)
    const known = this.#checks.find(socket, from)
    if (!known && !this.#mayLearn(from)) return true
    const check = known ?? this.#learn(socket, from, now)
    if (!check.isValid) this.#foundPath(check, probe, now - pending.sentAt, now)
    return true
  }

  #mayLearn(from: Address): boolean {
    return this.#learned < MOST_LEARNED && mayBeSentTo(from, this.#surroundings(from.ip))
  }

  #learn(socket: number, from: Address, now: number): Check {
    this.#learned++
    return this.#checks.add(
      {
        socket,
        to: from,
        kind: this.#kindOf(from),
        technique: techniqueOfCandidate('prflx', this.#kindOf(from)),
        tries: LEARNED_TRIES,
        openerUntil: undefined,
      },
      now,
    )
  }

  #foundPath(check: Check, { address }: Probe, rttMs: number, now: number): void {
    check.validate(now)
    if (++this.#paths > MOST_PATHS) return
    this.#events.push({
      type: 'path',
      socket: check.socket,
      remote: check.to,
      mapped: address,
      rttMs,
      kind: check.kind,
      technique: techniqueOfPath(check.technique, this.#guessing),
      round: this.#options.round,
    })
    this.#guessing.stop()
    this.#closeAt = Math.min(this.#closeAt, now + CLOSE_AFTER_MS)
    this.#forgetAt = now + FORGET_AFTER_MS
    // IPv4 may go on beside IPv6, as a second way; beside a LAN nothing is needed.
    for (const other of this.#checks.all()) {
      const isBetter = rankOf(other) > rankOf(check)
      const isSpare = check.kind === 'v6' && other.kind === 'v4'
      if (!other.isValid && !isBetter && !isSpare) other.stop()
    }
  }

  // Candidates.

  #try({ type, address }: Candidate, remote: RemoteOffer, now: number): void {
    if (this.#checks.size >= MOST_CHECKS || this.#checks.find(0, address)) return
    const kind = this.#kindOf(address)
    const technique = techniqueOfCandidate(type, kind)
    const isHopeless = this.#isLost() && isUnlikely({ type, kind }, this.#local, remote)
    const tries = isHopeless ? HOPELESS_TRIES : MOST_TRIES
    const openerUntil = this.#needsOpener(type, kind) ? this.#othersStartAt() : undefined
    this.#checks.add({ socket: 0, to: address, kind, technique, tries, openerUntil }, now)
  }

  /**
   * The owner knows first. What he sends before the visitor does would reach a NAT that has not
   * called yet: some take such a datagram for a scan, or remember it and give the visitor's own
   * call another port (conntrack). So the first one only opens his own NAT.
   */
  #needsOpener(type: Candidate['type'], kind: Check['kind']): boolean {
    const profile = this.#remote?.profile
    const isOpen = profile?.mapping === 'none' || profile?.filtering === 'endpoint-independent'
    return this.#options.role === 'owner' && kind === 'v4' && type !== 'host' && !isOpen
  }

  #othersStartAt(): number {
    return this.#startedAt + this.#options.serverRttMs
  }

  #kindOf(address: Address): Check['kind'] {
    return pathKindOf(address, this.#options.networks ?? [])
  }

  /** `from`: who sent something himself has shown where he is. */
  #surroundings(from?: string): Surroundings {
    const { networks = [], avoid = [] } = this.#options
    const observed = this.#remote?.observed ?? []
    return {
      networks,
      avoid,
      observed: from === undefined ? observed : [...observed, from],
      hasIpv6: from !== undefined || this.#local.profile.ipv6 || hasIpv6(this.#local),
    }
  }

  #pollCheck(now: number): PunchSend | undefined {
    const check = this.#checks.due(now)
    if (!check) return undefined
    const isOpener = check.send(now)
    const send = this.#request(check.socket, check.to, now, check.isValid)
    return isOpener ? { ...send, ttl: this.#limits.openerTtl } : send
  }

  #request(socket: number, to: Address, now: number, isValidated: boolean): PunchSend {
    const { session, round } = this.#options
    const { id, data } = session.request({ to, round: round & 0xff, isValidated })
    this.#pending.set(id, { socket, to, sentAt: now })
    return { socket, to, data }
  }

  #pollGuess(now: number): PunchSend | undefined {
    const guess = this.#guessing.poll(now)
    return guess && this.#request(guess.socket, guess.to, now, false)
  }

  // The end.

  #learnOffers(remote: RemoteOffer, usable: readonly Candidate[], now: number): void {
    const { networks = [] } = this.#options
    const { hasOtherWay, callees } = outlookOf(this.#local, remote, usable, networks)
    const knowledge: Knowledge = {
      local: this.#local.profile,
      remote: remote.profile,
      hasOtherWay,
      ips: guessableIps(remote.profile, this.#surroundings()),
      callees,
    }
    this.#guessing.handleKnowledge(knowledge, now)
    const isEmpty = usable.length === 0 && this.#guessing.part.type === 'none'
    if ((this.#isLost() && !hasOtherWay) || isEmpty) this.#giveUp(this.#reason(), now)
  }

  /** What servers see leads nowhere. */
  #isLost(): boolean {
    const hasUdp = this.#local.profile.udp && this.#remote?.profile.udp !== false
    return !hasUdp || this.#guessing.part.type === 'hopeless'
  }

  /** What is due by time alone. */
  #advance(now: number): void {
    this.#guessing.advance(now)
    if (now >= this.#closeAt) {
      this.#closeAt = Infinity
      this.#closeSockets()
    }
    if (now >= this.#giveUpAt()) this.#giveUp(this.#reason(), now)
    if (now >= this.#forgetAt) {
      this.#forgetAt = Infinity
      this.#pending.clear()
    }
  }

  #giveUpAt(): number {
    if (!this.#remote || this.#paths > 0 || this.#hasGivenUp) return Infinity
    return Math.max(this.#checks.overAt(), this.#guessing.overAt())
  }

  #reason(): GaveUp {
    const { part, isRefused } = this.#guessing
    if (!this.#local.profile.udp) return 'no UDP here'
    if (this.#remote?.profile.udp === false) return 'the peer has no UDP'
    if (part.type === 'hopeless') return part.reason
    if (isRefused) return 'ports were guessed a moment ago'
    return this.#checks.size === 0 ? 'no usable address of the peer' : 'no answer'
  }

  #giveUp(reason: GaveUp, now: number): void {
    if (this.#hasGivenUp || this.#paths > 0) return
    this.#hasGivenUp = true
    this.#forgetAt = now + FORGET_AFTER_MS
    this.#guessing.stop()
    const isHopeless = this.#isLost() || reason === 'no usable address of the peer'
    this.#events.push({ type: 'gave-up', reason, isHopeless })
    this.#closeSockets()
  }

  #closeSockets(): void {
    const used = new Set<number>()
    for (const check of this.#checks.all()) if (check.isValid) used.add(check.socket)
    this.#guessing.closeSockets(used)
  }
}

const RANKS = { lan: 2, v6: 1, v4: 0 } as const

function rankOf({ kind }: Check): number {
  return RANKS[kind]
}

function hasIpv6({ candidates }: Offer): boolean {
  return candidates.some(({ address }) => address.ip.includes(':'))
}
