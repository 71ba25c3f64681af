// A policy with the hands of its driver: everything is polled out at once and time moves from one
// deadline to the next. Routes that live answer probes.

import {
  PathPolicy,
  type PathCommand,
  type PathRole,
  type Route,
} from '../../../nat/index.ts'
import { seededRandom } from '../../../bench/lab/model/random.ts'

/** How a route behaves: round trip, or undefined for one that answers nothing. */
type Answers = Map<Route, number | undefined>

export interface Timed {
  readonly at: number
  readonly command: PathCommand
}

export class DrivenPolicy {
  readonly policy: PathPolicy
  readonly log: Timed[] = []
  readonly answers: Answers = new Map()
  now: number
  #pending: { readonly at: number; readonly run: () => void }[] = []

  constructor({ role = 'visitor', seed = 1 }: { role?: PathRole; seed?: number } = {}) {
    this.now = 0
    this.policy = new PathPolicy({ role, random: seededRandom(seed) }, 0)
    this.drain()
  }

  /** The relay is up, answers in 60 ms, and the first round ended with nothing. */
  static relayed(options: { role?: PathRole; seed?: number } = {}): DrivenPolicy {
    const driven = new DrivenPolicy(options)
    driven.answers.set('relay', 60)
    driven.do(policy => policy.handleRelay(true, 60, driven.now))
    driven.do(policy => policy.handlePunchEnd({ reason: 'no way', isHopeless: false }, driven.now))
    return driven
  }

  /** On a direct path, number 1, of IPv4 and 40 ms, that the other side agrees to. */
  static direct(options: { role?: PathRole; seed?: number } = {}): DrivenPolicy {
    const driven = DrivenPolicy.relayed(options)
    driven.find(1, 'v4', 40)
    driven.do(policy =>
      policy.handleHint(
        { type: options.role === 'owner' ? 'use' : 'using', kind: 'v4' },
        driven.now,
      ),
    )
    return driven
  }

  find(id: number, kind: 'lan' | 'v6' | 'v4', rttMs: number): void {
    this.answers.set(id, rttMs)
    this.do(policy => policy.handlePath({ id, kind, rttMs, technique: 'test' }, this.now))
  }

  do(action: (policy: PathPolicy) => void): void {
    action(this.policy)
    this.drain()
  }

  /** Polls until undefined; what came out. */
  drain(): PathCommand[] {
    const commands: PathCommand[] = []
    for (let count = 0; ; count++) {
      if (count > 200) throw new Error('the policy never stops')
      const command = this.policy.poll(this.now)
      if (!command) break
      commands.push(command)
      this.log.push({ at: this.now, command })
      if (command.type === 'probe') this.#answer(command.route, command.nonce)
    }
    return commands
  }

  /** Runs on, and gives what came out on the way. `each` runs every `everyMs`. */
  run(forMs: number, { everyMs, each }: { everyMs?: number; each?: () => void } = {}): Timed[] {
    const from = this.log.length
    const end = this.now + forMs
    let nextAt = everyMs === undefined ? Number.POSITIVE_INFINITY : this.now + everyMs
    for (let count = 0; ; count++) {
      if (count > 200_000) throw new Error('the policy spins')
      const deadline = this.policy.deadline() ?? Number.POSITIVE_INFINITY
      const event = this.#pending.reduce((least, { at }) => Math.min(least, at), nextAt)
      const at = Math.min(deadline, event)
      if (at > end) break
      this.now = at
      if (everyMs !== undefined && at === nextAt) {
        nextAt += everyMs
        each?.()
      }
      const due = this.#pending.filter(one => one.at <= at)
      this.#pending = this.#pending.filter(one => one.at > at)
      for (const { run } of due) run()
      this.drain()
    }
    this.now = end
    return this.log.slice(from)
  }

  /** Payload every 50 ms both ways, as long as its route lives. */
  runBusy(forMs: number): Timed[] {
    return this.run(forMs, {
      everyMs: 50,
      each: () => {
        this.policy.handleActivity(this.now)
        this.policy.handleOutbound(this.now)
        const { route, duplicate } = this.policy.state()
        for (const used of duplicate === undefined ? [route] : [route, duplicate]) {
          const rttMs = this.answers.get(used)
          if (rttMs === undefined) continue
          this.#after(rttMs, () => {
            if (this.answers.get(used) !== undefined) this.policy.handleInbound(used, this.now)
          })
        }
      },
    })
  }

  #answer(route: Route, nonce: number): void {
    const rttMs = this.answers.get(route)
    if (rttMs === undefined) return
    this.#after(rttMs, () => this.policy.handleProbeAnswer(route, nonce, rttMs, this.now))
  }

  #after(delayMs: number, run: () => void): void {
    this.#pending.push({ at: this.now + delayMs, run })
  }
}

export function of<Type extends PathCommand['type']>(
  log: readonly Timed[],
  type: Type,
): (Extract<PathCommand, { type: Type }> & { readonly at: number })[] {
  const found: (Extract<PathCommand, { type: Type }> & { readonly at: number })[] = []
  for (const { at, command } of log) {
    if (command.type !== type) continue
    // Its type is the one that was asked for.
    found.push({ ...(command as Extract<PathCommand, { type: Type }>), at })
  }
  return found
}
