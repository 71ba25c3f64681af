// What holds whatever happens, in whatever order. A failure names its seed.

import t from 'tap'
import { randomBelow, seededRandom } from '../../../bench/lab/model/random.ts'
import type { Hint, PathKind, PathRole, Route } from '../../../nat/index.ts'
import { DrivenPolicy } from './driven-policy.ts'

const RUNS = 30
const STEPS = 120
/** How long payload may go nowhere while there is a way. */
const MAX_LOST_MS = 1500
/** Between two changes of the route, unless one was closed. */
const MIN_BETWEEN_MS = 200
/** A path that was found right after the first one, and is better. */
const MIN_BEFORE_BETTER_MS = 100

const KINDS: readonly PathKind[] = ['lan', 'v6', 'v4']

class World {
  readonly driven: DrivenPolicy
  readonly known = new Set<Route>()
  readonly faults: string[] = []
  readonly #random: () => number
  readonly #seed: number
  #ids = 0
  #route: Route = 'relay'
  #switchedAt = Number.NEGATIVE_INFINITY
  #isForced = false
  #relayRttMs = 60
  readonly #deadSince = new Map<Route, number>()
  readonly #aliveSince = new Map<Route, number>()
  #lostSince: number | undefined
  #read = 0

  constructor(seed: number, role: PathRole) {
    this.#seed = seed
    this.#random = seededRandom(seed)
    this.driven = new DrivenPolicy({ role, seed })
  }

  step(): void {
    const { driven } = this
    const { policy } = driven
    this.#isForced = false
    const kind = KINDS[randomBelow(this.#random, 3)] ?? 'v4'
    const paths = [...this.known].filter(route => route !== 'relay')
    const some = paths[randomBelow(this.#random, paths.length)]
    switch (randomBelow(this.#random, 16)) {
      case 0:
      case 1:
      case 2: {
        this.#ids++
        const rttMs = 1 + this.#random() * 120
        this.known.add(this.#ids)
        this.#aliveSince.set(this.#ids, driven.now)
        driven.find(this.#ids, kind, rttMs)
        break
      }
      case 3:
      case 4:
        if (some !== undefined) this.#cut(some)
        break
      case 5:
      case 6:
        if (some !== undefined) this.#mend(some, 1 + this.#random() * 120)
        break
      case 7:
        this.#cut('relay')
        break
      case 8:
        this.#mend('relay', this.#relayRttMs)
        break
      case 9:
        if (!this.known.has('relay')) break
        this.#isForced = true
        this.known.delete('relay')
        driven.do(() => policy.handleRelay(false, undefined, driven.now))
        break
      case 10:
      case 11:
        this.known.add('relay')
        this.#mend('relay', this.#relayRttMs)
        driven.do(() => policy.handleRelay(true, this.#relayRttMs, driven.now))
        break
      case 12:
        if (some === undefined || typeof some === 'string') break
        this.#isForced = true
        this.known.delete(some)
        driven.do(() => policy.handlePathGone(some, driven.now))
        break
      case 13:
        driven.do(() => policy.handleNetworkChange(driven.now))
        break
      case 14: {
        const hints: Hint[] = [
          { type: 'use', kind },
          { type: 'use', kind: 'relay' },
          { type: 'using', kind },
          { type: 'lost', kind },
          { type: 'lost', kind: 'relay' },
          { type: 'rebound' },
        ]
        const hint = hints[randomBelow(this.#random, hints.length)]
        if (hint) driven.do(() => policy.handleHint(hint, driven.now))
        break
      }
      default:
        driven.do(() =>
          policy.handlePunchEnd({ reason: 'no way', isHopeless: this.#random() < 0.1 }, driven.now),
        )
    }
    this.#readLog()
    this.#isForced = false
    const forMs = this.#random() < 0.7 ? this.#random() * 1500 : this.#random() * 8000
    // In small pieces: what was dead for how long is looked at now and then.
    for (let left = forMs; left > 0; left -= 50) {
      driven.runBusy(Math.min(50, left))
      this.#readLog()
      this.#look()
    }
  }

  #cut(route: Route): void {
    if (!this.driven.answers.has(route) || this.driven.answers.get(route) === undefined) return
    this.driven.answers.set(route, undefined)
    this.#aliveSince.delete(route)
    this.#deadSince.set(route, this.driven.now)
  }

  #mend(route: Route, rttMs: number): void {
    if (this.driven.answers.get(route) !== undefined) return
    this.driven.answers.set(route, rttMs)
    this.#deadSince.delete(route)
    this.#aliveSince.set(route, this.driven.now)
  }

  /** The commands since the last time. */
  #readLog(): void {
    for (const { at, command } of this.driven.log.slice(this.#read)) {
      if (command.type === 'drop') {
        this.known.delete(command.path)
        if (command.path === this.#route) this.#fault('drops what it uses')
      }
      if (command.type !== 'use' || command.route === this.#route) continue
      const sinceMs = at - this.#switchedAt
      const isBetter = command.reason.startsWith('it is better')
      const leastMs = isBetter ? MIN_BEFORE_BETTER_MS : MIN_BETWEEN_MS
      if (!this.#isForced && sinceMs < leastMs) this.#fault(`moves after ${sinceMs} ms`)
      this.#route = command.route
      this.#switchedAt = this.#isForced ? Number.NEGATIVE_INFINITY : at
    }
    this.#read = this.driven.log.length
  }

  #look(): void {
    const { now, policy, answers } = this.driven
    const { route, duplicate } = policy.state()
    const isAlive = (one: Route | undefined): boolean =>
      one !== undefined && this.known.has(one) && answers.get(one) !== undefined
    const hasWay = [...this.known].some(
      one => isAlive(one) && now - (this.#aliveSince.get(one) ?? now) >= MAX_LOST_MS,
    )
    if (isAlive(route) || isAlive(duplicate)) this.#lostSince = undefined
    else this.#lostSince ??= now
    if (hasWay && this.#lostSince !== undefined && now - this.#lostSince > MAX_LOST_MS) {
      this.#fault(`sends into ${route} and ${duplicate} for ${now - this.#lostSince} ms`)
      this.#lostSince = now
    }
  }

  #fault(text: string): void {
    this.faults.push(`seed ${this.#seed}, at ${this.driven.now.toFixed(1)}: ${text}`)
  }
}

for (const role of ['visitor', 'owner'] as const) {
  t.test(`a ${role} neither flaps nor sends into a dead route while another lives`, async t => {
    const faults: string[] = []
    for (let seed = 1; seed <= RUNS; seed++) {
      const world = new World(seed, role)
      for (let step = 0; step < STEPS; step++) world.step()
      faults.push(...world.faults)
    }
    t.strictSame(faults.slice(0, 20), [], `${faults.length} faults`)
  })
}
