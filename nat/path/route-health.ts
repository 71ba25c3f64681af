// One route: whether it is alive, how far it is, and when to probe it. What passes on it proves it
// as well as a probe does, so a busy route is not probed at all. Sans-IO.

import { RttEstimate } from './rtt.ts'
import type { Route, RouteKind } from './types.ts'

/** So many probes without an answer, and nothing else either: the route is silent. */
const MISSES = 3
/** Between two probes that are sent because something is in doubt. */
export const SPACING_MS = 100
/** An answer is not late before, on however short a path: event loops are. */
const MIN_PATIENCE_MS = 100
/** A lost route lives again after so many answers: one may have been under way all the time. */
const ANSWERS_TO_REVIVE = 2
const FIRST_LOST_DELAY_MS = 250
/** Later answers are not told from forged ones. */
const REMEMBERED_MS = 10_000
const REMEMBERED_PROBES = 32
/** A path that was lost so long comes back by punching only. */
const EXPIRES_AFTER_MS = 30_000

/** How often a route is probed. */
export interface Pace {
  /** When nothing came for so long: random between the two, or (`grows`) twice the last time. */
  readonly minMs: number
  readonly maxMs: number
  readonly grows: boolean
  /** However much comes: payload proves a route, but does not measure it. */
  readonly measureMs: number
  /** Longest pause between probes of a lost one. */
  readonly lostMs: number
}

interface Probe {
  readonly nonce: number
  readonly at: number
  readonly lateAt: number
  isMissed: boolean
}

export class RouteHealth {
  readonly route: Route
  readonly kind: RouteKind
  readonly technique: string | undefined
  readonly foundAt: number
  /** Answers in a row that showed this one as worth a move. */
  evidence = 0
  readonly #random: () => number
  readonly #rtt = new RttEstimate()
  #pace: Pace
  #intervalMs: number
  #inboundAt: number
  /** When the newest probe that was answered had been sent. */
  #provenAt = Number.NEGATIVE_INFINITY
  #probes: Probe[] = []
  #probedAt = Number.NEGATIVE_INFINITY
  #burst = 0
  #patienceMs = 0
  #misses = 0
  /** Probes since there was payload. */
  #quiet = 0
  #lossShare: number | undefined
  #lostAt: number | undefined
  #lostProbeAt = 0
  #lostDelayMs = FIRST_LOST_DELAY_MS
  #revivals = 0

  constructor(
    options: {
      readonly route: Route
      readonly kind: RouteKind
      readonly technique: string | undefined
      readonly pace: Pace
      readonly random: () => number
    },
    now: number,
  ) {
    this.route = options.route
    this.kind = options.kind
    this.technique = options.technique
    this.foundAt = now
    this.#random = options.random
    this.#pace = options.pace
    this.#intervalMs = this.#draw()
    this.#inboundAt = now
  }

  get rttMs(): number | undefined {
    return this.#rtt.smoothedMs
  }

  get ptoMs(): number {
    return this.#rtt.ptoMs
  }

  get provenAt(): number {
    return this.#provenAt
  }

  /** Of probes, 0..1, the last ten or so. */
  get loss(): number | undefined {
    return this.#lossShare
  }

  get isLost(): boolean {
    return this.#lostAt !== undefined
  }

  /** A probe has no answer, and nothing else came. */
  get isLate(): boolean {
    return this.#misses > 0
  }

  get isSilent(): boolean {
    return this.#misses >= MISSES
  }

  isExpired(now: number): boolean {
    if (this.#lostAt === undefined) return false
    return now - Math.max(this.#lostAt, this.#inboundAt) >= EXPIRES_AFTER_MS
  }

  setPace(pace: Pace): void {
    if (pace === this.#pace) return
    this.#pace = pace
    this.#intervalMs = this.#draw()
  }

  /** The relay is there, or there again. */
  handleUp(now: number): void {
    this.#inboundAt = now
    this.#misses = 0
    this.#lostAt = undefined
  }

  /** Payload may come at any time. */
  handleActivity(): void {
    if (this.#quiet === 0) return
    this.#quiet = 0
    this.#intervalMs = this.#draw()
  }

  /** A round trip that somebody else measured. */
  handleRtt(rttMs: number): void {
    this.#rtt.add(rttMs)
  }

  /** Punching has just seen a request and its answer on this path. */
  handleProof(rttMs: number, now: number): void {
    this.handleUp(now)
    this.#rtt.add(rttMs)
    this.#provenAt = now
  }

  handleInbound(now: number): void {
    this.#inboundAt = now
    this.#misses = 0
    if (this.#lostAt === undefined) return
    // It comes this way again: does it go, too?
    this.#lostProbeAt = Math.min(this.#lostProbeAt, Math.max(now, this.#probedAt + SPACING_MS))
  }

  /** When that probe was sent; undefined for one that nobody remembers. */
  handleAnswer(nonce: number, rttMs: number, now: number): number | undefined {
    this.handleInbound(now)
    const probe = this.#probes.find(one => one.nonce === nonce)
    if (probe === undefined) return undefined
    this.#probes = this.#probes.filter(one => one !== probe)
    if (!probe.isMissed) this.#count(0)
    this.#rtt.add(rttMs)
    this.#provenAt = Math.max(this.#provenAt, probe.at)
    if (this.#lostAt === undefined || probe.at < this.#lostAt) return probe.at
    this.#revivals++
    this.#lostProbeAt = Math.min(this.#lostProbeAt, now)
    if (this.#revivals >= ANSWERS_TO_REVIVE) this.#lostAt = undefined
    return probe.at
  }

  /** Sends so many probes, the first one at once. `patienceMs`: they are not late before. */
  ask(count: number, { patienceMs = 0 }: { readonly patienceMs?: number } = {}): void {
    this.#burst = Math.max(this.#burst, count)
    this.#patienceMs = patienceMs
  }

  /** What was asked is known. */
  endAsking(): void {
    this.#burst = 0
  }

  handleLost(now: number): void {
    this.#lostAt ??= now
    this.#burst = 0
    this.#misses = 0
    this.#revivals = 0
    this.#lostDelayMs = FIRST_LOST_DELAY_MS
    this.#lostProbeAt = now + FIRST_LOST_DELAY_MS
  }

  /** Counts the answers that are late. */
  handleTime(now: number): void {
    for (const probe of this.#probes) {
      if (probe.isMissed || now < probe.lateAt) continue
      probe.isMissed = true
      this.#count(1)
      // Something came after it was sent, so that only this one packet is known to be lost.
      if (this.#inboundAt <= probe.at) this.#misses++
    }
    if (this.#probes.some(({ at }) => now - at >= REMEMBERED_MS)) {
      this.#probes = this.#probes.filter(({ at }) => now - at < REMEMBERED_MS)
    }
  }

  /** True when a probe with this nonce shall be sent now. */
  poll(nonce: number, now: number): boolean {
    if (now < this.#dueAt()) return false
    const patienceMs = Math.max(MIN_PATIENCE_MS, this.#patienceMs, this.#rtt.ptoMs)
    this.#probes.push({ nonce, at: now, lateAt: now + patienceMs, isMissed: false })
    if (this.#probes.length > REMEMBERED_PROBES) this.#probes.shift()
    this.#probedAt = now
    this.#quiet++
    this.#intervalMs = this.#draw()
    this.#burst = Math.max(0, this.#burst - 1)
    if (this.#burst === 0) this.#patienceMs = 0
    if (this.#lostAt !== undefined) {
      this.#lostProbeAt = now + this.#lostDelayMs
      this.#lostDelayMs = Math.min(this.#pace.lostMs, this.#lostDelayMs * 2)
    }
    return true
  }

  deadline(): number {
    let at = this.#dueAt()
    for (const { isMissed, lateAt } of this.#probes) if (!isMissed) at = Math.min(at, lateAt)
    return at
  }

  #dueAt(): number {
    if (this.#burst > 0) return this.#probedAt + SPACING_MS
    if (this.#lostAt !== undefined) {
      return Math.min(this.#lostProbeAt, this.#probedAt + this.#pace.lostMs)
    }
    if (this.#probes.some(({ isMissed }) => !isMissed)) return Number.POSITIVE_INFINITY
    if (this.#misses > 0) return this.#probedAt + SPACING_MS
    const silentAt = Math.max(this.#inboundAt, this.#probedAt) + this.#intervalMs
    return Math.min(silentAt, Math.max(this.#provenAt, this.#probedAt) + this.#pace.measureMs)
  }

  #count(missed: 0 | 1): void {
    this.#lossShare = this.#lossShare === undefined ? missed : this.#lossShare * 0.9 + missed * 0.1
  }

  /** Random, or both ends would probe at the same time, and one of the two is enough. */
  #draw(): number {
    const { minMs, maxMs, grows } = this.#pace
    if (!grows) return minMs + this.#random() * (maxMs - minMs)
    return Math.min(maxMs, minMs * 2 ** this.#quiet) * (0.8 + 0.4 * this.#random())
  }
}
