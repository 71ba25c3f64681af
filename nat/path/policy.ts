// Decides which route carries a peer connection: the relay at once, a direct path as soon as one is
// proven, back to the relay when it dies (nat-traversal.md §5.6, §5.7). It opens no path: it says
// when to try. Sans-IO.

import { Agreement } from './agreement.ts'
import { Carrier } from './carrier.ts'
import type { Doubt } from './doubt.ts'
import { Flight } from './flight.ts'
import { ThroughputGuard } from './guard.ts'
import { Restraint } from './restraint.ts'
import type { RouteHealth } from './route-health.ts'
import { PunchRounds, type Wish } from './rounds.ts'
import { Routes } from './routes.ts'
import { StallGuard } from './stall-guard.ts'
import { Telling } from './telling.ts'
import type {
  Delivery,
  FoundPath,
  Hint,
  PathCommand,
  PathRole,
  PathState,
  Route,
  RouteKind,
} from './types.ts'
import { wishOf } from './wish.ts'

/** Keystrokes are further apart than packets; a pause of this length is one. */
const ACTIVE_FOR_MS = 5000
/** Rounds that only the clock asks for wait until somebody uses the connection. */
const AWAKE_FOR_MS = 30_000
/** A path that is alive, but was not proven just now, is asked so often before it is used. */
const ASK_AGAIN_MS = 3000
/** An owner that follows every hint at once could be made to flap. */
const FOLLOW_SPACING_MS = 200
const DELIVERY_VALID_MS = 10_000

export interface PathPolicyOptions {
  readonly role: PathRole
  /** 0 <= x < 1. */
  readonly random: () => number
}

/**
 * One peer connection. After each `handle…` (of a batch of packets: after the last) poll until
 * undefined, then again at `deadline()`. The driver begins on the relay without being told. The
 * visitor chooses among routes that live, and the owner follows; a dead one either leaves by
 * itself. Times in milliseconds.
 */
export class PathPolicy {
  readonly #role: PathRole
  readonly #startedAt: number
  readonly #out: PathCommand[] = []
  readonly #routes: Routes
  readonly #carrier: Carrier
  readonly #rounds: PunchRounds
  readonly #agreement = new Agreement()
  readonly #restraint = new Restraint()
  readonly #guard = new ThroughputGuard()
  readonly #stalls = new StallGuard()
  readonly #telling = new Telling()
  readonly #newNetworks = new Flight()
  #now: number
  #nonce = 0
  #activeAt: number
  #reason = 'no direct path was tried yet'
  #isHopeless = false
  #directAt: number | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  /** The doubt for which another path was looked for. */
  #replacedIn: Doubt | undefined
  #delivery: { readonly loss: number; readonly at: number } | undefined

  constructor({ role, random }: PathPolicyOptions, now: number) {
    this.#role = role
    this.#startedAt = now
    this.#now = now
    this.#activeAt = now
    this.#routes = new Routes(random, now)
    this.#carrier = new Carrier(this.#routes, this.#out, now)
    this.#rounds = new PunchRounds({ random }, now)
  }

  /** The relay can carry packets, or cannot. `rttMs` where it was measured. */
  handleRelay(isUp: boolean, rttMs: number | undefined, now: number): void {
    this.#routes.setRelay(isUp, rttMs, now)
  }

  /** Punching opened a path, or proved one again. */
  handlePath(found: FoundPath, now: number): void {
    const { used, isDirect } = this.#carrier
    const { path, isNew, dropped } = this.#routes.add(found, used, now)
    if (dropped !== undefined) {
      this.#out.push({ type: 'drop', path: dropped, reason: 'there are too many' })
    }
    this.#rounds.handleFound({ isNew }, now)
    this.#carrier.handleAnswer(path, now)
    if (path === used || !isDirect) return
    // A comparison that does not wait for the next keep-alives.
    this.#routes.weigh(path, used)
    if (path.evidence > 0) path.ask(2)
  }

  /** A path is gone for certain: its socket failed or was closed. */
  handlePathGone(id: number, now: number): void {
    const path = this.#routes.remove(id)
    if (path === undefined || path !== this.#carrier.used) return
    const other = this.#routes.other(path)
    const to = other?.isLost === false ? other : this.#routes.relay
    this.#leave(to, 'the path was closed', now)
  }

  /** An authenticated packet came that way: of QUIC, a probe, an answer. */
  handleInbound(route: Route, now: number): void {
    const health = this.#routes.find(route)
    if (health === undefined) return
    health.handleInbound(now)
    this.#carrier.handleInbound(health)
    this.#stalls.handleInbound()
  }

  /** A packet that QUIC expects to be acknowledged was sent on the route in use. */
  handleOutbound(now: number): void {
    this.#carrier.handleOutbound(now)
  }

  /** The answer to a probe; it counts as inbound, too. An unknown nonce proves nothing more. */
  handleProbeAnswer(route: Route, nonce: number, rttMs: number, now: number): void {
    this.handleInbound(route, now)
    const health = this.#routes.find(route)
    const sentAt = health?.handleAnswer(nonce, rttMs, now)
    if (health === undefined || sentAt === undefined) return
    this.#carrier.handleAnswer(health, sentAt)
    this.#routes.weigh(health, this.#carrier.used)
  }

  /** Bytes of a user passed, either way. What only keeps the connection alive does not count. */
  handleActivity(now: number): void {
    this.#activeAt = now
    this.#carrier.used.handleActivity()
  }

  /** What QUIC measured of the route in use, about once a second while it sends. */
  handleDelivery(delivery: Delivery, now: number): void {
    this.#delivery = { loss: delivery.loss, at: now }
    if (this.#carrier.isUncertain) {
      // A path that is dead is not slow.
      this.#guard.handleSwitch(this.#carrier.isDirect, now)
      return
    }
    const isPoor = this.#guard.handleDelivery(delivery, now)
    if (!isPoor || this.#role !== 'visitor' || !this.#routes.isRelayAlive()) return
    this.#switchTo(this.#routes.relay, 'the direct path is slower than the relay, and lossy', now)
  }

  /** An interface came or went, or a server sees another address of ours. */
  handleNetworkChange(now: number): void {
    this.#newNetworks.handleChange()
    this.#pollNewNetwork(now)
  }

  /** We can be reached at addresses that the last round did not have (a port mapping, say). */
  handleNewCandidates(now: number): void {
    if (this.#role === 'visitor') this.#rounds.ask('there are new candidates')
    else this.#telling.tell({ type: 'rebound' }, 2, now)
  }

  /** The other end's hint. */
  handleHint(hint: Hint, now: number): void {
    switch (hint.type) {
      case 'use':
        if (this.#role === 'owner') this.#follow(hint.kind, now)
        break
      case 'using':
        if (this.#role === 'visitor') this.#agreement.handlePeer(hint.kind, now)
        break
      case 'lost':
        if (this.#carrier.used.kind !== hint.kind) break
        this.#carrier.enterDoubt('the other side hears nothing', now)
        break
      case 'rebound':
        this.#handleNewWays("the other side's network changed", now)
        break
      default:
        hint satisfies never
    }
  }

  /**
   * The round of punching is over. `reason`: why nothing opened, for people; undefined where
   * something did. `isHopeless`: not to be tried again soon.
   */
  handlePunchEnd(
    { reason, isHopeless }: { readonly reason: string | undefined; readonly isHopeless: boolean },
    now: number,
  ): void {
    const { isDirect } = this.#carrier
    this.#rounds.handleEnd({ isOpen: reason === undefined || isDirect, isHopeless }, now)
    if (reason !== undefined && !isDirect) this.#reason = reason
    this.#isHopeless = reason !== undefined && isHopeless
  }

  /** What to do next; undefined when there is nothing until the deadline. */
  poll(now: number): PathCommand | undefined {
    this.#now = now
    if (this.#out.length === 0) this.#step(now)
    return this.#out.shift()
  }

  /** Of a drained policy. There is always one. */
  deadline(): number {
    const now = this.#now
    const graceEnd = this.#stalls.deadline(now)
    if (graceEnd !== undefined) return graceEnd
    let at = Math.min(
      this.#carrier.deadline(now),
      this.#telling.deadline(),
      this.#newNetworks.deadline(),
      this.#choiceDeadline(now),
      this.#routes.dropDeadline(now),
    )
    for (const health of this.#routes.live()) at = Math.min(at, health.deadline())
    if (this.#role === 'visitor') {
      at = Math.min(at, this.#agreement.deadline() ?? at)
      const wish = this.#wish(now)
      if (wish) at = Math.min(at, this.#rounds.deadline(wish) ?? at)
    }
    at = Math.max(now, at)
    this.#stalls.handleDeadline(at)
    return at
  }

  state(): PathState {
    const { used, duplicate, since, switches } = this.#carrier
    const told = this.#delivery
    const isTold = told !== undefined && this.#now - told.at < DELIVERY_VALID_MS
    return {
      route: used.route,
      kind: used.kind,
      technique: used.technique,
      duplicate: duplicate?.route,
      since,
      reason: this.#reason,
      isHopeless: this.#isHopeless,
      rttMs: used.rttMs,
      loss: isTold ? told.loss : used.loss,
      switches,
      timeToDirectMs: this.#directAt === undefined ? undefined : this.#directAt - this.#startedAt,
    }
  }

  #step(now: number): void {
    this.#pollNewNetwork(now)
    this.#routes.setPaces(this.#carrier.used, {
      isActive: now - this.#activeAt < ACTIVE_FOR_MS,
      isUrgent: this.#carrier.isUncertain,
    })
    if (!this.#stalls.poll(now)) this.#judge(now)
    if (this.#role === 'visitor') {
      this.#choose(now)
      this.#punch(now)
      if (this.#agreement.poll(now)) this.#hint({ type: 'use', kind: this.#carrier.used.kind })
    }
    for (let hint = this.#telling.poll(now); hint; hint = this.#telling.poll(now)) this.#hint(hint)
    for (const health of this.#routes.live()) {
      if (!health.poll(this.#nonce + 1, now)) continue
      this.#nonce++
      this.#out.push({ type: 'probe', route: health.route, nonce: this.#nonce })
    }
    const { used } = this.#carrier
    const drop = this.#routes.pollDrop(used, { isTidy: this.#role === 'visitor' }, now)
    if (drop) this.#out.push({ type: 'drop', path: drop.id, reason: drop.reason })
  }

  /** What is dead, and what follows from it. */
  #judge(now: number): void {
    for (const health of this.#routes.live()) {
      health.handleTime(now)
      if (health !== this.#carrier.used && health.isSilent && !health.isLost) {
        health.handleLost(now)
      }
    }
    if (this.#carrier.handleSilence(now)) {
      this.#telling.tell({ type: 'lost', kind: this.#carrier.used.kind }, 3, now)
    }
    if (this.#carrier.doubt === undefined) this.#telling.forget('lost')
    const { doubt, isDirect } = this.#carrier
    if (isDirect && doubt !== undefined && now >= doubt.reserveAt) this.#replace(doubt, now)
    const verdict = this.#carrier.judge(now)
    if (verdict) this.#leave(verdict.to, verdict.reason, now)
  }

  /** The direct path in use looks dead: another one is looked for before the verdict. */
  #replace(doubt: Doubt | undefined, now: number): void {
    if (doubt !== undefined && doubt === this.#replacedIn) return
    this.#replacedIn = doubt
    // Our address may be another one now: a mapping that was forgotten comes back elsewhere.
    this.#out.push({ type: 'rediscover', reason: 'the direct path is silent' })
    const { used } = this.#carrier
    if (!this.#routes.best({ without: used })) this.#rounds.handleLoss(now)
  }

  /** The route in use is dead. */
  #leave(to: RouteHealth, reason: string, now: number): void {
    const { used, since, doubt, isDirect } = this.#carrier
    used.handleLost(now)
    this.#switchTo(to, reason, now)
    if (isDirect) {
      this.#restraint.handleLoss({ carriedMs: now - since }, now)
      this.#replace(doubt, now)
    }
    if (this.#role === 'owner') this.#telling.tell({ type: 'using', kind: to.kind }, 3, now)
  }

  /** A route that is better than the one in use: the visitor's choice. */
  #choose(now: number): void {
    const { used, doubt, isDirect } = this.#carrier
    if (doubt !== undefined || used.isLost) return
    if (isDirect) {
      const better = this.#routes.better(used)
      if (!better || now < this.#restraint.stayUntil) return
      this.#restraint.handleMove(now)
      this.#switchTo(better, 'it is better than the path before', now)
      return
    }
    const path = this.#routes.best({})
    if (!path || now < this.#holdUntil(path)) return
    if (this.#routes.isFresh(path, now)) {
      this.#switchTo(path, 'it was opened and answers', now)
    } else if (now >= this.#askedAt + ASK_AGAIN_MS) {
      this.#askedAt = now
      path.ask(2)
    }
  }

  #choiceDeadline(now: number): number {
    const never = Number.POSITIVE_INFINITY
    const { used, doubt, isDirect } = this.#carrier
    if (this.#role !== 'visitor' || doubt !== undefined || used.isLost) return never
    if (isDirect) return this.#routes.better(used) ? this.#restraint.stayUntil : never
    const path = this.#routes.best({})
    if (!path) return never
    const holdUntil = this.#holdUntil(path)
    return now < holdUntil ? holdUntil : this.#askedAt + ASK_AGAIN_MS
  }

  /** Until then a living relay is not left. */
  #holdUntil(path: RouteHealth): number {
    return Math.max(this.#restraint.holdUntil(path.foundAt), this.#guard.holdUntil)
  }

  /** The visitor uses that now. */
  #follow(kind: RouteKind, now: number): void {
    const to = this.#routes.ofKind(kind)
    const { used, since, switches } = this.#carrier
    const isOpen =
      to !== undefined && (kind === 'relay' ? this.#routes.isRelayAlive() : !to.isLost)
    const isHeld = to?.route !== 'relay' && now < this.#restraint.holdUntil(to?.foundAt ?? 0)
    const isTooSoon = switches > 0 && now < since + FOLLOW_SPACING_MS
    if (isOpen && !isHeld && !isTooSoon && to !== used) {
      this.#switchTo(to, 'the visitor uses it', now)
    }
    this.#telling.tell({ type: 'using', kind: this.#carrier.used.kind }, 1, now)
  }

  #switchTo(to: RouteHealth, reason: string, now: number): void {
    this.#reason = reason
    this.#carrier.switchTo(to, reason, now)
    this.#routes.clearEvidence()
    const { isDirect } = this.#carrier
    this.#guard.handleSwitch(isDirect, now)
    this.#agreement.handleSwitch(to.kind, now)
    if (isDirect) this.#directAt ??= now
  }

  #punch(now: number): void {
    const wish = this.#wish(now)
    const round = wish && this.#rounds.poll(wish, now)
    if (!round) return
    this.#isHopeless = false
    if (!this.#carrier.isDirect && now >= this.#guard.holdUntil) {
      this.#reason = `round ${round.round} of punching is under way`
    }
    this.#out.push({ type: 'punch', ...round })
  }

  #wish(now: number): Wish | undefined {
    const isAwake = now - this.#activeAt < AWAKE_FOR_MS
    return wishOf(this.#routes, this.#carrier, { isAwake })
  }

  #pollNewNetwork(now: number): void {
    if (!this.#newNetworks.poll(now)) return
    this.#out.push({ type: 'rediscover', reason: 'our network changed' })
    this.#telling.tell({ type: 'rebound' }, 2, now)
    const { relay } = this.#routes
    relay.ask(3, { patienceMs: Math.max(500, 3 * (relay.rttMs ?? 0)) })
    this.#handleNewWays('our network changed', now)
  }

  /** What is in use may be dead, and what was not possible may be possible now. */
  #handleNewWays(reason: string, now: number): void {
    this.#restraint.handleNewNetwork()
    this.#guard.handleNewNetwork()
    if (this.#role === 'visitor') this.#rounds.ask(reason)
    if (this.#carrier.isDirect) this.#carrier.enterDoubt(reason, now)
  }

  #hint(hint: Hint): void {
    const { used, duplicate } = this.#carrier
    this.#out.push({ type: 'hint', hint, route: (duplicate ?? used).route })
  }
}
