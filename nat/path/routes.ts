// The relay and the direct paths of one connection, and which of them could carry it. Sans-IO.

import { isWorthMoving, scoreOf } from './choice.ts'
import { RouteHealth, type Pace } from './route-health.ts'
import type { FoundPath, PathKind, Route, RouteKind } from './types.ts'

/** Most direct paths at a time; a round that finds more brings nothing new. */
const MAX_PATHS = 8
/** Paths that stay when the better one is settled: one, and one in reserve (iroh #4393). */
const KEPT_PATHS = 2
/** From the last path that was found; by then the moves that it causes are over. */
const SETTLED_AFTER_MS = 5000
/** Answers that must agree before a connection moves. */
const EVIDENCE = 3
/** A route that answered a probe so short a time ago is taken for alive. */
const FRESH_MS = 1000

// Finite: a sum with the time of a probe that never was must stay a number.
const NEVER = Number.MAX_SAFE_INTEGER

// Probes cost little beside payload, and little is allowed where there is none: with probes of 132
// bytes on a path (IPv6) and 180 on the relay, IP headers included, the three idle routes make 19
// bytes per second each way. Either end's probe serves both. The 15 s after which carriers forget a
// mapping are those of one that was never answered; in reserve are only paths that were
// (nat-traversal.md §1.4).
const PACES = {
  // Whoever only receives sees nothing of a death but the pause, and must ask soon.
  used: { minMs: 400, maxMs: 3000, grows: true, measureMs: 6000, lostMs: 1000 },
  usedIdle: { minMs: 12_000, maxMs: 15_000, grows: false, measureMs: NEVER, lostMs: 15_000 },
  reserve: { minMs: 5000, maxMs: 6000, grows: false, measureMs: 6000, lostMs: 8000 },
  reserveUrgent: { minMs: 3000, maxMs: 3000, grows: false, measureMs: 6000, lostMs: 1000 },
  reserveIdle: { minMs: 32_000, maxMs: 40_000, grows: false, measureMs: NEVER, lostMs: 15_000 },
  relay: { minMs: 12_000, maxMs: 15_000, grows: false, measureMs: 15_000, lostMs: 2000 },
} as const satisfies Readonly<Record<string, Pace>>

export interface DirectHealth {
  readonly health: RouteHealth
  readonly kind: PathKind
  readonly id: number
}

export class Routes {
  readonly relay: RouteHealth
  readonly #random: () => number
  readonly #paths = new Map<number, DirectHealth>()
  #isRelayUp = false
  #foundAt = Number.NEGATIVE_INFINITY

  constructor(random: () => number, now: number) {
    this.#random = random
    const pace = PACES.relay
    this.relay = new RouteHealth(
      { route: 'relay', kind: 'relay', technique: undefined, pace, random },
      now,
    )
  }

  get isRelayUp(): boolean {
    return this.#isRelayUp
  }

  setRelay(isUp: boolean, rttMs: number | undefined, now: number): void {
    if (isUp && !this.#isRelayUp) this.relay.handleUp(now)
    if (rttMs !== undefined) this.relay.handleRtt(rttMs)
    this.#isRelayUp = isUp
  }

  /** The path, and one that had to go for it. */
  add(
    { id, kind, rttMs, technique }: FoundPath,
    used: RouteHealth,
    now: number,
  ): { readonly path: RouteHealth; readonly isNew: boolean; readonly dropped: number | undefined } {
    this.#foundAt = now
    const known = this.#paths.get(id)
    const health =
      known?.health ??
      new RouteHealth(
        { route: id, kind, technique, pace: PACES.reserve, random: this.#random },
        now,
      )
    health.handleProof(rttMs, now)
    this.#paths.set(id, { health, kind, id })
    const isNew = known === undefined
    if (this.#paths.size <= MAX_PATHS) return { path: health, isNew, dropped: undefined }
    const dropped = this.#inOrder().findLast(one => one.health !== used && one.id !== id)
    if (dropped) this.#paths.delete(dropped.id)
    return { path: health, isNew, dropped: dropped?.id }
  }

  remove(id: number): RouteHealth | undefined {
    const path = this.#paths.get(id)
    this.#paths.delete(id)
    return path?.health
  }

  find(route: Route): RouteHealth | undefined {
    return route === 'relay' ? this.relay : this.#paths.get(route)?.health
  }

  /** All that can be probed. */
  live(): RouteHealth[] {
    const paths = [...this.#paths.values()].map(({ health }) => health)
    return this.#isRelayUp ? [this.relay, ...paths] : paths
  }

  /** A route for copies: one that is alive, else one that may come back. */
  other(used: RouteHealth): RouteHealth | undefined {
    if (used !== this.relay && this.isRelayAlive()) return this.relay
    const best = this.best({ without: used })
    if (best) return best
    if (used !== this.relay) return this.#isRelayUp ? this.relay : undefined
    return this.#inOrder()[0]?.health
  }

  /** Alive as far as is known. */
  isRelayAlive(): boolean {
    return this.#isRelayUp && !this.relay.isLost
  }

  isFresh(health: RouteHealth, now: number): boolean {
    return health.provenAt > now - FRESH_MS
  }

  /** The best of the paths that are not lost, without one, that were proven since. */
  best({
    without,
    provenSince = Number.NEGATIVE_INFINITY,
  }: {
    readonly without?: RouteHealth
    readonly provenSince?: number
  }): RouteHealth | undefined {
    return this.#inOrder().find(
      ({ health }) =>
        health !== without && !health.isLost && health.provenAt >= provenSince,
    )?.health
  }

  /** The path of that kind; else, where a path is meant, the best one. */
  ofKind(kind: RouteKind): RouteHealth | undefined {
    if (kind === 'relay') return this.relay
    const alive = this.#inOrder().filter(({ health }) => !health.isLost)
    return (alive.find(path => path.kind === kind) ?? alive[0])?.health
  }

  /** An answer came on `health`: does it speak for a move from `used`? */
  weigh(health: RouteHealth, used: RouteHealth): void {
    health.evidence = this.#isBetter(health, used) ? health.evidence + 1 : 0
  }

  clearEvidence(): void {
    for (const { health } of this.#paths.values()) health.evidence = 0
  }

  /** The path that proved to be better than the one in use. */
  better(used: RouteHealth): RouteHealth | undefined {
    let best: DirectHealth | undefined
    for (const path of this.#paths.values()) {
      const { evidence, isLost } = path.health
      if (evidence < EVIDENCE || isLost || !this.#isBetter(path.health, used)) continue
      if (!best || this.#isBetter(path.health, best.health)) best = path
    }
    return best?.health
  }

  /** `isUrgent`: the used route is in doubt or dead, so that any other one is wanted. */
  setPaces(
    used: RouteHealth,
    { isActive, isUrgent }: { readonly isActive: boolean; readonly isUrgent: boolean },
  ): void {
    const own = isActive ? PACES.used : PACES.usedIdle
    const urgent = isUrgent ? PACES.reserveUrgent : undefined
    const paths = isActive ? (urgent ?? PACES.reserve) : PACES.reserveIdle
    const relay = isActive ? (urgent ?? PACES.relay) : PACES.reserveIdle
    this.relay.setPace(this.relay === used ? own : relay)
    for (const { health } of this.#paths.values()) health.setPace(health === used ? own : paths)
  }

  /**
   * A path that nobody needs: lost for good, or (`isTidy`) worse than those that are kept. It is
   * removed.
   */
  pollDrop(
    used: RouteHealth,
    { isTidy }: { readonly isTidy: boolean },
    now: number,
  ): { readonly id: number; readonly reason: string } | undefined {
    for (const { id, health } of this.#paths.values()) {
      if (health === used || !health.isExpired(now)) continue
      this.#paths.delete(id)
      return { id, reason: 'nothing came this way any more' }
    }
    const kept = used === this.relay ? KEPT_PATHS : KEPT_PATHS - 1
    if (!isTidy || this.#paths.size <= kept) return undefined
    if (now < this.#foundAt + SETTLED_AFTER_MS) return undefined
    const surplus = this.#inOrder().filter(
      ({ health }) => !health.isLost && health !== used,
    )[kept]
    if (surplus === undefined) return undefined
    this.#paths.delete(surplus.id)
    return { id: surplus.id, reason: 'there are better ones' }
  }

  /** When paths may have to be dropped; the past where that was done. */
  dropDeadline(now: number): number {
    const settledAt = this.#foundAt + SETTLED_AFTER_MS
    return settledAt > now ? settledAt : Number.POSITIVE_INFINITY
  }

  /** The best one first. */
  #inOrder(): DirectHealth[] {
    const score = ({ kind, health }: DirectHealth): number =>
      scoreOf({ kind, rttMs: health.rttMs ?? Number.POSITIVE_INFINITY })
    return [...this.#paths.values()].sort((one, other) => score(one) - score(other))
  }

  /** True only of two direct paths. */
  #isBetter(other: RouteHealth, current: RouteHealth): boolean {
    const [one, two] = [this.#measured(other), this.#measured(current)]
    return one !== undefined && two !== undefined && isWorthMoving(one, two)
  }

  #measured(
    health: RouteHealth,
  ): { readonly kind: PathKind; readonly rttMs: number } | undefined {
    const path = health.route === 'relay' ? undefined : this.#paths.get(health.route)
    if (path === undefined || health.rttMs === undefined) return undefined
    return { kind: path.kind, rttMs: health.rttMs }
  }
}
