// Opens a direct path to a peer (nat-traversal.md §5.6): all candidates at once, both sides sending
// again and again, and where a NAT gives each remote another port, guessing it. Who guesses what is
// plan.ts, in which order guessers.ts; what a found path is used for is the path policy. Sans-IO.

import {
  addressKey,
  guessableIps,
  mayBeSentTo,
  pathKindOf,
  usableCandidates,
  type Surroundings,
} from '../candidates.ts'
import { canonicalIp } from '../ip.ts'
import { Check, CheckList, MOST_TRIES } from './checks.ts'
import { BlockSearch, Caller, FLIGHT, InStep, Seeker, type Guesser } from './guessers.ts'
import { Pace } from './pace.ts'
import { isHard, planGuessing, type GuessPlan } from './plan.ts'
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
  Technique,
} from './types.ts'

const DEFAULT_LIMITS: PunchLimits = {
  sockets: 256,
  guesses: 2048,
  perSecond: 200,
  guessForMs: 10_000,
  openerTtl: 5,
}

/** In one go, so that a flight is one: no port of others in its middle. */
const BURST = 64
/** Pairs of a round: two lists of candidates, and what showed only in probes. */
const MOST_CHECKS = 64
const MOST_LEARNED = 16
/** Where it should not help, a probe goes out a few times all the same: profiles may be wrong. */
const HOPELESS_TRIES = 3
/** Paths that are told; a guess may hit several times. */
const MOST_PATHS = 8
/** Answers that wait to be sent; the driver drains them at once. */
const MOST_ANSWERS = 256
/** A sample of sequential ports that is older than this is worth a new one. */
const FRESH_SAMPLE_MS = 150
/** The peer may have found another one of our sockets at the same moment. */
const CLOSE_AFTER_MS = 500
/** What was sent last has arrived and was answered by then. */
const LAST_ANSWER_MS = 800

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
  readonly #pace: Pace
  readonly #checks = new CheckList()
  readonly #pending = new Map<string, Pending>()
  readonly #answers: PunchSend[] = []
  readonly #events: PunchEvent[] = []
  #local: Offer
  #remote: RemoteOffer | undefined
  #startedAt = 0
  /** Addresses that the peer offered, as keys. */
  readonly #offered = new Set<string>()
  #learned = 0
  #paths = 0
  #hasGivenUp = false

  // Guessing: a plan, a token, perhaps sockets and a new sample, then a guesser.
  #plan: GuessPlan = { part: { type: 'none' }, delayMs: 0 }
  #token: 'unasked' | 'asked' | 'granted' | 'refused' = 'unasked'
  /** Until then a new sample of our ports is awaited. */
  #sampleBy: number | undefined
  #hasAskedSockets = false
  #sockets: number[] | undefined
  #guesser: Guesser | undefined
  #guesses = 0
  #guessUntil = Infinity
  #lastGuessAt = 0
  #closeAt = Infinity

  constructor(options: PunchOptions, now: number) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#local = options.local
    this.#pace = new Pace({ perSecond: this.#limits.perSecond, burst: BURST }, now)
  }

  /** The peer's offer; again when it has more candidates or newer samples. Starts the round. */
  handleRemote(remote: RemoteOffer, now: number): void {
    const isFirst = this.#remote === undefined
    this.#remote = remote
    if (isFirst) {
      this.#startedAt = now
      this.#askForSample(now)
    }
    this.#makePlan()
    const candidates = usableCandidates(remote.candidates, this.#surroundings())
    for (const candidate of [...candidates, ...this.#preserved(remote)]) this.#try(candidate, now)
    const { part } = this.#plan
    if (!isFirst && part.type === 'seek' && part.ports.type === 'sequential' && this.#guesser) {
      this.#startGuessing(now)
    }
    this.#advance(now)
  }

  /** Our own offer has changed, e.g. after `resample`. */
  handleLocal(local: Offer, now: number): void {
    this.#local = local
    this.#sampleBy = undefined
    if (this.#remote) this.#makePlan()
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
    this.#sockets = [...numbers]
    if (this.#paths > 0 || this.#hasGivenUp) this.#closeSockets()
    this.#advance(now)
  }

  /** Answers `ask-token`. */
  handleToken(granted: boolean, now: number): void {
    if (this.#token === 'asked') this.#token = granted ? 'granted' : 'refused'
    this.#advance(now)
  }

  poll(now: number): PunchSend | undefined {
    this.#advance(now)
    return this.#answers.shift() ?? this.#pollCheck(now) ?? this.#pollGuess(now)
  }

  pollEvent(): PunchEvent | undefined {
    return this.#events.shift()
  }

  /** Infinity: nothing is due. */
  deadline(): number {
    if (this.#answers.length > 0) return 0
    return Math.min(
      this.#checks.nextAt(),
      this.#guessAt(),
      this.#closeAt,
      this.#stepAt(),
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
        technique: this.#techniqueOf(socket, from),
        tries: MOST_TRIES,
        openerUntil: undefined,
      },
      now,
    )
  }

  #foundPath(check: Check, { address, round }: Probe, rttMs: number, now: number): void {
    void round
    check.validate(now)
    if (++this.#paths > MOST_PATHS) return
    this.#events.push({
      type: 'path',
      socket: check.socket,
      remote: check.to,
      mapped: address,
      rttMs,
      kind: check.kind,
      technique: check.technique,
      round: this.#options.round,
    })
    this.#guesser = undefined
    this.#closeAt = Math.min(this.#closeAt, now + CLOSE_AFTER_MS)
    // IPv4 may go on beside IPv6, as a second way; beside a LAN nothing is needed.
    for (const other of this.#checks.all()) {
      const isBetter = rankOf(other) > rankOf(check)
      const isSpare = check.kind === 'v6' && other.kind === 'v4'
      if (!other.isValid && !isBetter && !isSpare) other.stop()
    }
  }

  // Candidates.

  #try({ type, address }: Candidate, now: number): void {
    this.#offered.add(addressKey(address))
    if (this.#checks.size >= MOST_CHECKS || this.#checks.find(0, address)) return
    const kind = this.#kindOf(address)
    const technique = techniqueOfCandidate(type, kind)
    const { part } = this.#plan
    const isHopeless = technique === 'reflexive' && part.type === 'hopeless'
    const tries = isHopeless ? HOPELESS_TRIES : MOST_TRIES
    const openerUntil = this.#needsOpener(type, kind) ? this.#othersStartAt() : undefined
    this.#checks.add({ socket: 0, to: address, kind, technique, tries, openerUntil }, now)
  }

  /**
   * A NAT that changes with the remote but keeps ports where it can: the peer's own port, on each
   * of his public addresses.
   */
  #preserved(remote: RemoteOffer): Candidate[] {
    if (!isHard(remote.profile) || remote.profile.ports?.type !== 'preserving') return []
    const ports = remote.candidates.filter(({ type }) => type === 'host')
    const ips = guessableIps(remote.profile, this.#surroundings())
    return [...new Set(ports.map(({ address }) => address.port))]
      .slice(0, 2)
      .filter(port => Number.isInteger(port) && port >= 1024 && port <= 65_535)
      .flatMap(port => ips.map(ip => ({ type: 'predicted' as const, address: { ip, port } })))
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

  #techniqueOf(socket: number, from: Address): Technique {
    const { part } = this.#plan
    const isGuess = this.#guesses > 0 && !this.#offered.has(addressKey(from))
    if (socket === 0 && !isGuess) return 'peer-reflexive'
    switch (part.type) {
      case 'call':
        return part.isForeseen ? 'predicted' : 'birthday'
      case 'seek':
        return part.ports.type === 'sequential' ? 'predicted' : 'birthday'
      case 'in-step':
        return 'predicted'
      case 'blocks':
        return 'birthday'
      default:
        return 'peer-reflexive'
    }
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

  // Guessing.

  #makePlan(): void {
    const { role, scope = 'full' } = this.#options
    const remote = this.#remote
    if (!remote) return
    const usable = usableCandidates(remote.candidates, this.#surroundings())
    const hasOtherWay = usable.some(candidate => this.#isOtherWay(candidate))
    const facts = { role, hasOtherWay, limits: this.#limits }
    const plan = planGuessing(this.#local.profile, remote.profile, facts)
    const canGuess = scope === 'full' && this.#hasTargets(plan)
    this.#plan = canGuess || plan.part.type === 'hopeless' ? plan : NO_GUESSING
    if (this.#isHopeless(usable.length, hasOtherWay)) this.#giveUp(this.#reason())
  }

  #isOtherWay({ type, address }: Candidate): boolean {
    return type === 'mapped' || this.#kindOf(address) !== 'v4'
  }

  /** Known at once, without one more probe. */
  #isHopeless(usable: number, hasOtherWay: boolean): boolean {
    const { part } = this.#plan
    if (part.type === 'hopeless' || this.#lacksUdp()) return !hasOtherWay
    return usable === 0 && part.type === 'none'
  }

  #lacksUdp(): boolean {
    return !this.#local.profile.udp || this.#remote?.profile.udp === false
  }

  #hasTargets({ part }: GuessPlan): boolean {
    return part.type === 'call' ? this.#callees().length > 0 : this.#guessable().length > 0
  }

  #guessable(): string[] {
    return this.#remote ? guessableIps(this.#remote.profile, this.#surroundings()) : []
  }

  /** Where our throw-away sockets call: what servers see of the peer, and his mapped port. */
  #callees(): Address[] {
    const usable = usableCandidates(this.#remote?.candidates ?? [], this.#surroundings())
    return usable
      .filter(({ address }) => this.#kindOf(address) === 'v4')
      .map(({ address }) => address)
      .slice(0, 2)
  }

  #askForSample(now: number): void {
    const { profile } = this.#local
    if (!isHard(profile) || profile.ports?.type !== 'sequential') return
    if (now - profile.ports.at < FRESH_SAMPLE_MS) return
    this.#events.push({ type: 'resample' })
    this.#sampleBy = now + 2 * this.#options.serverRttMs + 50
  }

  /** The next step of guessing that only waits for its time. */
  #stepAt(): number {
    if (!this.#isGuessPending()) return Infinity
    const startAt = this.#startedAt + this.#plan.delayMs
    if (this.#token === 'unasked') return startAt - this.#options.serverRttMs
    if (this.#token !== 'granted') return Infinity
    if (this.#neededSockets() > 0 && !this.#sockets) return Infinity
    return Math.max(startAt, this.#sampleBy ?? 0)
  }

  #isGuessPending(): boolean {
    const { type } = this.#plan.part
    if (!this.#remote || this.#paths > 0 || this.#hasGivenUp || this.#guesser) return false
    return type !== 'none' && type !== 'hopeless' && this.#token !== 'refused'
  }

  #neededSockets(): number {
    const { part } = this.#plan
    if (part.type === 'call') return part.sockets
    return part.type === 'in-step' && part.part === 'gather' ? FLIGHT : 0
  }

  /** What is due by time alone. */
  #advance(now: number): void {
    if (this.#isGuessPending()) this.#stepToGuessing(now)
    if (now >= this.#closeAt) {
      this.#closeAt = Infinity
      this.#closeSockets()
    }
    if (now >= this.#giveUpAt()) this.#giveUp(this.#reason())
  }

  #stepToGuessing(now: number): void {
    if (this.#token === 'unasked' && now >= this.#stepAt()) {
      this.#token = 'asked'
      this.#events.push({ type: 'ask-token' })
    }
    const count = this.#neededSockets()
    if (this.#token === 'granted' && count > 0 && !this.#hasAskedSockets) {
      this.#hasAskedSockets = true
      this.#events.push({ type: 'open-sockets', count })
    }
    if (this.#token === 'granted' && now >= this.#stepAt()) this.#startGuessing(now)
  }

  #startGuessing(now: number): void {
    this.#guesser = this.#makeGuesser(now)
    this.#guessUntil = Math.min(this.#guessUntil, now + this.#limits.guessForMs)
    this.#lastGuessAt = now
  }

  #makeGuesser(now: number): Guesser | undefined {
    const { random } = this.#options
    const { part } = this.#plan
    const sockets = this.#sockets ?? []
    const [ip = ''] = this.#guessable()
    switch (part.type) {
      case 'call':
        return new Caller(sockets, this.#callees(), now)
      case 'seek':
        return new Seeker(this.#guessable(), { ports: part.ports, random, now })
      case 'in-step': {
        const ports = this.#remote?.profile.ports
        if (ports?.type !== 'sequential') return undefined
        return new InStep({ ip, ports, sockets: part.part === 'gather' ? sockets : [] }, now)
      }
      case 'blocks':
        return new BlockSearch(ip, { ...part, random })
      case 'none':
      case 'hopeless':
        return undefined
      default:
        return part satisfies never
    }
  }

  #guessAt(): number {
    const nextAt = this.#guesser?.nextAt() ?? Infinity
    if (nextAt > this.#guessUntil || this.#guesses >= this.#limits.guesses) return Infinity
    return Math.max(nextAt, this.#pace.nextAt(this.#lastGuessAt))
  }

  #pollGuess(now: number): PunchSend | undefined {
    if (this.#guessAt() > now || now > this.#guessUntil) return undefined
    const guess = this.#guesser?.next(now)
    if (!guess) return undefined
    this.#pace.take(now)
    this.#lastGuessAt = now
    this.#guesses++
    return this.#request(guess.socket, guess.to, now, false)
  }

  // The end.

  #giveUpAt(): number {
    if (!this.#remote || this.#paths > 0 || this.#hasGivenUp) return Infinity
    if (this.#isGuessPending()) {
      // Whoever is asked for leave or sockets may never answer.
      return this.#startedAt + this.#plan.delayMs + this.#limits.guessForMs
    }
    const guessOver = this.#guessAt() === Infinity ? this.#lastGuessAt + LAST_ANSWER_MS : Infinity
    return Math.max(this.#checks.overAt(), this.#guesser ? guessOver : 0)
  }

  #reason(): GaveUp {
    const { part } = this.#plan
    if (!this.#local.profile.udp) return 'no UDP here'
    if (this.#remote?.profile.udp === false) return 'the peer has no UDP'
    if (part.type === 'hopeless') return part.reason
    if (this.#token === 'refused') return 'frps gave no leave to guess ports'
    return this.#checks.size === 0 ? 'no usable address of the peer' : 'no answer'
  }

  #giveUp(reason: GaveUp): void {
    if (this.#hasGivenUp || this.#paths > 0) return
    this.#hasGivenUp = true
    this.#guesser = undefined
    this.#events.push({ type: 'gave-up', reason })
    this.#closeSockets()
  }

  #closeSockets(): void {
    const used = new Set<number>()
    for (const check of this.#checks.all()) if (check.isValid) used.add(check.socket)
    const sockets = (this.#sockets ?? []).filter(socket => !used.has(socket))
    if (sockets.length > 0) this.#events.push({ type: 'close-sockets', sockets })
    this.#sockets = []
  }
}

const NO_GUESSING: GuessPlan = { part: { type: 'none' }, delayMs: 0 }

const RANKS = { lan: 2, v6: 1, v4: 0 } as const

function rankOf({ kind }: Check): number {
  return RANKS[kind]
}

function techniqueOfCandidate(type: Candidate['type'], kind: Check['kind']): Technique {
  if (kind === 'lan') return 'host'
  if (kind === 'v6') return 'ipv6'
  switch (type) {
    case 'host':
      return 'host'
    case 'mapped':
      return 'mapped'
    case 'prflx':
      return 'peer-reflexive'
    case 'predicted':
      return 'predicted'
    case 'srflx':
      return 'reflexive'
    default:
      return type satisfies never
  }
}

function hasIpv6({ candidates }: Offer): boolean {
  return candidates.some(({ address }) => address.ip.includes(':'))
}
