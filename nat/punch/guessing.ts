// The guessing of one round, step by step: a plan, a fresh sample of our own ports, frps's leave,
// throw-away sockets, and then guesses at a bounded pace until there is a path. Sans-IO.

import { BlockSearch, Caller, FLIGHT, InStep, Seeker } from './guessers.ts'
import type { Guess, Guesser } from './guessers.ts'
import { Pace } from './pace.ts'
import { isHard, planGuessing, type GuessPart, type GuessPlan } from './plan.ts'
import type { Address } from '../../lib/address.ts'
import type { PeerRole } from '../probe.ts'
import type { NatProfile } from '../types.ts'
import type { PunchEvent, PunchLimits } from './types.ts'

/** In one go, so that a flight is one: no port of others in its middle. */
const BURST = 64
/** A sample of sequential ports that is older than this is worth a new one. */
const FRESH_SAMPLE_MS = 150
/** What was sent last has arrived and was answered by then. */
const LAST_ANSWER_MS = 800
/** For the way to frps and back, beyond the round trip. */
const SAMPLE_SLACK_MS = 50

export interface GuessingOptions {
  readonly role: PeerRole
  readonly limits: PunchLimits
  readonly random: () => number
  readonly serverRttMs: number
  /** False: there is a plan, and nothing comes of it. */
  readonly isAllowed: boolean
}

/** What both offers tell. */
export interface Knowledge {
  readonly local: NatProfile
  readonly remote: NatProfile
  /** Candidates besides what servers see. */
  readonly hasOtherWay: boolean
  /** Where ports may be guessed. */
  readonly ips: readonly string[]
  /** Where our throw-away sockets call: what servers see of the peer, and his mapped port. */
  readonly callees: readonly Address[]
}

export class Guessing {
  readonly #options: GuessingOptions
  readonly #pace: Pace
  readonly #events: PunchEvent[] = []
  #knowledge: Knowledge | undefined
  #plan: GuessPlan = NO_GUESSING
  #startedAt = 0
  #token: 'unasked' | 'asked' | 'granted' | 'refused' = 'unasked'
  /** Until then a new sample of our ports is awaited. */
  #sampleBy = 0
  #hasAskedSockets = false
  #sockets: readonly number[] | undefined
  #guesser: Guesser | undefined
  #isStopped = false
  #count = 0
  #lastAt = 0
  #until = Infinity

  constructor(options: GuessingOptions, now: number) {
    this.#options = options
    this.#pace = new Pace({ perSecond: options.limits.perSecond, burst: BURST }, now)
  }

  get part(): GuessPart {
    return this.#plan.part
  }

  get hasBegun(): boolean {
    return this.#count > 0
  }

  get isRefused(): boolean {
    return this.#token === 'refused'
  }

  /** The first time it begins the round. */
  handleKnowledge(knowledge: Knowledge, now: number): void {
    if (!this.#knowledge) {
      this.#startedAt = now
      this.#askForSample(knowledge.local, now)
    }
    this.#knowledge = knowledge
    const { role, limits, isAllowed } = this.#options
    const { local, remote, hasOtherWay, ips, callees } = knowledge
    const plan = planGuessing(local, remote, { role, hasOtherWay, limits })
    const targets = plan.part.type === 'call' ? callees : ips
    const before = this.#plan.part
    const isPossible = isAllowed && targets.length > 0
    this.#plan = isPossible || plan.part.type === 'hopeless' ? plan : NO_GUESSING
    if (this.#guesser) this.#revise(before, this.#plan.part, now)
  }

  /** Guesses are being made already, and now more is known. */
  #revise(before: GuessPart, part: GuessPart, now: number): void {
    const isOther = before.type !== part.type
    // With a newer sample, what was walked over already was not it.
    const isFresh = part.type === 'seek' && part.ports.type === 'sequential'
    if (isOther) this.#guesser = undefined
    else if (isFresh) this.#start(now)
  }

  /** The sample that was asked for is in the knowledge now. */
  handleSample(): void {
    this.#sampleBy = 0
  }

  handleSockets(numbers: readonly number[]): void {
    this.#sockets = numbers
  }

  handleToken(granted: boolean): void {
    if (this.#token === 'asked') this.#token = granted ? 'granted' : 'refused'
  }

  pollEvent(): PunchEvent | undefined {
    return this.#events.shift()
  }

  /** Takes the steps that are due, then gives the next guess. */
  poll(now: number): Guess | undefined {
    this.advance(now)
    if (this.#guessAt() > now) return undefined
    const guess = this.#guesser?.next(now)
    if (!guess) return undefined
    this.#pace.take(now)
    this.#lastAt = now
    this.#count++
    return guess
  }

  advance(now: number): void {
    if (!this.#isPending()) return
    if (this.#token === 'unasked' && now >= this.#stepAt()) {
      this.#token = 'asked'
      this.#events.push({ type: 'ask-token' })
    }
    if (this.#token !== 'granted') return
    const count = this.#neededSockets()
    if (count > 0 && !this.#hasAskedSockets) {
      this.#hasAskedSockets = true
      this.#events.push({ type: 'open-sockets', count })
    }
    if (now >= this.#stepAt()) this.#start(now)
  }

  deadline(): number {
    return Math.min(this.#guessAt(), this.#stepAt())
  }

  /** When nothing more can come of it; 0: nothing is under way. */
  overAt(): number {
    // Whoever is asked for leave or sockets may never answer.
    if (this.#isPending()) {
      return this.#startedAt + this.#plan.delayMs + this.#options.limits.guessForMs
    }
    if (!this.#guesser) return 0
    return this.#guessAt() === Infinity ? this.#lastAt + LAST_ANSWER_MS : Infinity
  }

  stop(): void {
    this.#isStopped = true
    this.#guesser = undefined
  }

  /** Those that were opened and carry nothing. */
  closeSockets(used: ReadonlySet<number>): void {
    const sockets = (this.#sockets ?? []).filter(socket => !used.has(socket))
    if (sockets.length > 0) this.#events.push({ type: 'close-sockets', sockets })
    this.#sockets = []
  }

  #isPending(): boolean {
    if (!this.#knowledge || this.#isStopped || this.#guesser || this.isRefused) return false
    return this.#plan.part.type !== 'none' && this.#plan.part.type !== 'hopeless'
  }

  /** The next step that only waits for its time. */
  #stepAt(): number {
    if (!this.#isPending()) return Infinity
    const startAt = this.#startedAt + this.#plan.delayMs
    if (this.#token === 'unasked') return startAt - this.#options.serverRttMs
    if (this.#token === 'asked') return Infinity
    if (this.#neededSockets() > 0 && !this.#sockets) return Infinity
    return Math.max(startAt, this.#sampleBy)
  }

  #guessAt(): number {
    const nextAt = this.#guesser?.nextAt() ?? Infinity
    if (nextAt > this.#until || this.#count >= this.#options.limits.guesses) return Infinity
    const at = Math.max(nextAt, this.#pace.nextAt(this.#lastAt))
    return at > this.#until ? Infinity : at
  }

  #askForSample({ ports, ...profile }: NatProfile, now: number): void {
    if (!isHard({ ...profile, ports }) || ports?.type !== 'sequential') return
    if (now - ports.at < FRESH_SAMPLE_MS) return
    this.#events.push({ type: 'resample' })
    this.#sampleBy = now + 2 * this.#options.serverRttMs + SAMPLE_SLACK_MS
  }

  #neededSockets(): number {
    const { part } = this.#plan
    if (part.type === 'call') return part.sockets
    return part.type === 'in-step' && part.part === 'gather' ? FLIGHT : 0
  }

  #start(now: number): void {
    this.#guesser = this.#guesserOf(this.#plan.part, now)
    this.#until = Math.min(this.#until, now + this.#options.limits.guessForMs)
    this.#lastAt = now
  }

  #guesserOf(part: GuessPart, now: number): Guesser | undefined {
    const { ips, callees, remote } = this.#knowledge ?? NO_KNOWLEDGE
    const { random } = this.#options
    const sockets = this.#sockets ?? []
    const [ip = ''] = ips
    switch (part.type) {
      case 'call':
        return new Caller(sockets, callees, now)
      case 'seek':
        return new Seeker(ips, { ports: part.ports, random, now })
      case 'in-step': {
        const ports = remote?.ports
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
}

const NO_GUESSING: GuessPlan = { part: { type: 'none' }, delayMs: 0 }
const NO_KNOWLEDGE = { ips: [], callees: [], remote: undefined } as const
