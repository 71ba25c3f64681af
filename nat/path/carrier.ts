// The route in use, the copies that go another way while it is in doubt, and the verdict on it
// (DIRECT, DEGRADED, RELAYED in nat-traversal.md §5.6). Sans-IO.

import { DOUBT_PROBES, Doubt } from './doubt.ts'
import type { RouteHealth } from './route-health.ts'
import type { Routes } from './routes.ts'
import type { PathCommand } from './types.ts'

/**
 * Payload without an answer for so long, or a PTO: the route is asked. One probe is the price where
 * the last packet of a burst was a mere acknowledgement: quiche does not tell.
 */
const SUSPECT_AFTER_MS = 100
/**
 * For so long, or two and a half PTOs, and no answer to the probes: everything is sent twice.
 * nat-traversal.md says 600 ms and three, but a sender whose window is full sends next to nothing
 * on a silent route, so copies cost nothing just then, and QUIC's own second probe is due by then.
 */
const DOUBT_AFTER_MS = 250
const SUSPECT_PROBES = 3
/** Of a direct path that is new in use: from one sample the PTO is three times too long. */
const FIRST_PROBES = 4
/** Of the others when the used one is in doubt. */
const RESERVE_PROBES = 2

/** The used route is to be left for another one. */
export interface Verdict {
  readonly to: RouteHealth
  readonly reason: string
}

export class Carrier {
  readonly #routes: Routes
  readonly #out: PathCommand[]
  #used: RouteHealth
  #duplicate: RouteHealth | undefined
  #since: number
  #switches = 0
  #doubt: Doubt | undefined
  #lastDoubt: Doubt | undefined
  /** Payload was sent then, and nothing came since. */
  #unansweredSince: number | undefined
  #isSuspected = false
  /** No route is alive. */
  #isOut = false

  constructor(routes: Routes, out: PathCommand[], now: number) {
    this.#routes = routes
    this.#out = out
    this.#used = routes.relay
    this.#since = now
  }

  get used(): RouteHealth {
    return this.#used
  }

  get duplicate(): RouteHealth | undefined {
    return this.#duplicate
  }

  get since(): number {
    return this.#since
  }

  get switches(): number {
    return this.#switches
  }

  get doubt(): Doubt | undefined {
    return this.#doubt
  }

  get isDirect(): boolean {
    return this.#used !== this.#routes.relay
  }

  /** In doubt, or dead without another one. */
  get isUncertain(): boolean {
    return this.#doubt !== undefined || this.#used.isLost || this.#isDown
  }

  handleInbound(health: RouteHealth): void {
    if (health !== this.#used) return
    if (this.#isSuspected && this.#doubt === undefined) health.endAsking()
    this.#unansweredSince = undefined
    this.#isSuspected = false
  }

  handleOutbound(now: number): void {
    this.#unansweredSince ??= now
  }

  handleAnswer(health: RouteHealth, sentAt: number): void {
    if (health === this.#used) this.#doubt?.handleAnswer(sentAt)
  }

  switchTo(to: RouteHealth, reason: string, now: number): void {
    this.#used = to
    this.#since = now
    this.#switches++
    this.#duplicate = undefined
    this.#doubt = undefined
    this.#unansweredSince = undefined
    this.#isSuspected = false
    this.#isOut = false
    this.#out.push({ type: 'use', route: to.route, duplicate: undefined, reason })
    if (this.isDirect) to.ask(FIRST_PROBES)
    // A path of which nothing was heard just now is not trusted without copies.
    const isProven = to === this.#routes.relay || this.#routes.isFresh(to, now)
    if (!isProven) this.enterDoubt('it is not proven yet', now)
  }

  /** True when that is new. */
  enterDoubt(reason: string, now: number): boolean {
    if (this.#doubt !== undefined || this.#used.isLost || this.#isDown) return false
    this.#doubt = new Doubt(reason, { before: this.#lastDoubt }, now)
    this.#lastDoubt = this.#doubt
    this.#used.ask(DOUBT_PROBES)
    for (const other of this.#routes.live()) {
      if (other !== this.#used && !other.isLost) other.ask(RESERVE_PROBES)
    }
    this.#copy(reason)
    return true
  }

  /** Payload is unanswered, or probes are: true when the doubt is new and our own. */
  handleSilence(now: number): boolean {
    if (this.#isDown) this.#unansweredSince = undefined
    if (this.#doubt !== undefined || this.#used.isLost) return false
    if (this.#used.isSilent) return this.enterDoubt('probes have no answer', now)
    // Sums as in deadline(): a difference may be rounded the other way, and time would stand still.
    const since = this.#unansweredSince ?? Number.POSITIVE_INFINITY
    if (now >= since + this.#doubtAfterMs) return this.enterDoubt('payload has no answer', now)
    const isOverdue = now >= since + this.#suspectAfterMs
    if (this.#isSuspected || (!isOverdue && !this.#used.isLate)) return false
    this.#isSuspected = true
    if (isOverdue) this.#used.ask(SUSPECT_PROBES)
    // Where a router forgot its mappings, frps does not know our address until it hears from us.
    if (this.isDirect) this.#routes.relay.ask(1)
    return false
  }

  /** What has to be done about the route in use, if anything. */
  judge(now: number): Verdict | undefined {
    if (this.#isDown) {
      this.#doubt = undefined
      const to = this.#routes.best({})
      return to && { to, reason: 'the relay is down' }
    }
    const doubt = this.#doubt
    if (doubt === undefined ? !this.#used.isLost : doubt.isSettled) {
      this.#trust()
      return undefined
    }
    const reason = doubt?.reason ?? 'nothing is heard on any route'
    if (doubt !== undefined && now < doubt.verdictAt) {
      const provenSince = now >= doubt.reserveAt ? doubt.since : Number.POSITIVE_INFINITY
      const to = this.#routes.best({ without: this.#used, provenSince })
      if (to) return { to, reason }
    } else {
      const to = this.#routes.other(this.#used)
      if (to?.isLost === false) return { to, reason }
      // All are dead. The next one that answers takes over; this one, too.
      if (doubt !== undefined) this.#used.handleLost(now)
      this.#doubt = undefined
      this.#isOut = true
    }
    this.#copy(reason)
    return undefined
  }

  deadline(now: number): number {
    if (this.#doubt !== undefined) {
      const { reserveAt, verdictAt } = this.#doubt
      return now < reserveAt ? reserveAt : verdictAt
    }
    if (this.#unansweredSince === undefined || this.#used.isLost) return Number.POSITIVE_INFINITY
    const afterMs = this.#isSuspected ? this.#doubtAfterMs : this.#suspectAfterMs
    return this.#unansweredSince + afterMs
  }

  /** On a relay that is known to carry nothing. */
  get #isDown(): boolean {
    return !this.isDirect && !this.#routes.isRelayUp
  }

  get #suspectAfterMs(): number {
    return Math.max(SUSPECT_AFTER_MS, this.#used.ptoMs)
  }

  get #doubtAfterMs(): number {
    return Math.max(DOUBT_AFTER_MS, 2.5 * this.#used.ptoMs)
  }

  #trust(): void {
    if (this.#doubt !== undefined) this.#used.endAsking()
    this.#doubt = undefined
    if (this.#duplicate === undefined && !this.#isOut) return
    this.#duplicate = undefined
    this.#isOut = false
    const reason = 'it answers again'
    this.#out.push({ type: 'use', route: this.#used.route, duplicate: undefined, reason })
  }

  #copy(reason: string): void {
    const duplicate = this.#routes.other(this.#used)
    if (duplicate === this.#duplicate) return
    this.#duplicate = duplicate
    const { route } = this.#used
    this.#out.push({ type: 'use', route, duplicate: duplicate?.route, reason })
  }
}
