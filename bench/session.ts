// One session: rounds over all links, scenarios and peers. The peers take turns (A B C A B C ...),
// so that noise of the machine hits all of them, and rounds are outermost, so that an early end
// leaves figures of everything. A failing run is reported and does not end the session.

import { Loader } from './load/loader.ts'
import type { Peer, Tunnel } from './peers/peer.ts'
import type { Step } from './report/index.ts'
import type { Failure, Note } from './report/types.ts'
import { Results } from './results.ts'
import type { Outcome, Scenario } from './scenarios/scenario.ts'
import type { Role, Site } from './site.ts'
import type { OpenSite } from './sites.ts'

/** A peer that fails this often in one scenario is not asked again in it. */
const FAILURES_BEFORE_SKIPPING = 2

/** Far above what any scenario takes: one that hangs must not hang the bench. */
const RUN_LIMIT_MS = 180_000

/** A lab that is later than this shows the machine in its figures, and the reader has to know. */
const MAX_LATE_MS = 2

/** One place and what is asked there. */
export interface BenchCase {
  /** Undefined where it is the only one. */
  readonly label: string | undefined
  readonly labelText: string | undefined
  readonly peers: readonly Peer[]
  readonly scenarios: readonly Scenario[]
  readonly measureMs: number
  readonly warmUpMs: number
  openSite(): Promise<OpenSite>
}

export interface SessionOptions {
  readonly cases: readonly BenchCase[]
  readonly rounds: number
  /** A round that would probably end later than this is not begun; the first one always is. */
  readonly budgetMs: number
  /** Ends the session; what was measured stays. */
  readonly signal: AbortSignal
  readonly progress: (step: Step) => void
}

export interface Session {
  readonly results: Results
  readonly failures: readonly Failure[]
  /** What a reader must know of the links. */
  readonly notes: readonly Note[]
  /** That were completed. */
  readonly rounds: number
}

interface Run {
  readonly one: BenchCase
  readonly scenario: Scenario
  readonly peer: Peer
}

export async function runSession(options: SessionOptions): Promise<Session> {
  const session = new SessionRun(options)
  const { signal, budgetMs } = options
  // How many fit into the budget is known when the first one is over.
  let planned = budgetMs === Infinity ? options.rounds : 1
  let rounds = 0
  let slowestMs = 0
  const startedAt = performance.now()
  while (rounds < planned && !signal.aborted) {
    const roundAt = performance.now()
    await session.round(rounds + 1, planned)
    if (signal.aborted) break
    rounds++
    const now = performance.now()
    slowestMs = Math.max(slowestMs, now - roundAt)
    const left = Math.floor((budgetMs - (now - startedAt)) / slowestMs)
    planned = Math.min(options.rounds, rounds + Math.max(0, left))
  }
  return { results: session.results, failures: session.failures, notes: session.notes, rounds }
}

class SessionRun {
  readonly results = new Results()
  readonly failures: Failure[] = []
  readonly #lateMs = new Map<string, number>()
  readonly #options: SessionOptions
  readonly #startedAt = performance.now()
  readonly #runsInRound: number
  #done = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.#runsInRound = options.cases.reduce((sum, one) => sum + runsOf(one).length, 0)
  }

  async round(round: number, rounds: number): Promise<void> {
    for (const one of this.#options.cases) {
      if (this.#options.signal.aborted) return
      await this.#case(one, { round, rounds })
    }
  }

  async #case(one: BenchCase, count: RoundCount): Promise<void> {
    const runs = runsOf(one)
    let place: OpenSite
    try {
      place = await one.openSite()
    } catch (error) {
      this.#done += runs.length
      this.failures.push({ scenario: one.label ?? 'link', peer: 'lab', message: textOf(error) })
      return
    }
    const loads = new Loads(place.site)
    try {
      for (const run of runs) {
        if (this.#options.signal.aborted) return
        await this.#run(run, loads, count)
        this.#done++
      }
    } finally {
      await this.#noteLateness(one, place)
      loads.close()
      await place.close()
    }
  }

  /** The worst of all rounds, for each link that was too late to be believed. */
  get notes(): readonly Note[] {
    return [...this.#lateMs].map(([name, lateMs]) => {
      const late = lateMs >= 5 ? '5 ms and more' : `${lateMs.toFixed(1)} ms`
      return `${name} was up to ${late} late (p99): the machine had other work, and figures show it`
    })
  }

  async #noteLateness({ labelText }: BenchCase, { site }: OpenSite): Promise<void> {
    // A lab that has failed says so elsewhere.
    const lateMs = (await site.link?.lateMs().catch(() => 0)) ?? 0
    if (lateMs <= MAX_LATE_MS) return
    const name = labelText === undefined ? 'the link' : `the link with ${labelText}`
    this.#lateMs.set(name, Math.max(lateMs, this.#lateMs.get(name) ?? 0))
  }

  async #run({ one, scenario, peer }: Run, loads: Loads, count: RoundCount): Promise<void> {
    const { signal, progress } = this.#options
    const { label, labelText } = one
    const name = label === undefined ? scenario.name : `${scenario.name}@${label}`
    const earlier = this.failures.filter(failure => {
      return failure.scenario === name && failure.peer === peer.name
    })
    if (earlier.length >= FAILURES_BEFORE_SKIPPING) return
    progress({
      done: this.#done,
      total: count.rounds * this.#runsInRound,
      scenario: name,
      peer: peer.name,
      ...count,
      elapsedMs: performance.now() - this.#startedAt,
    })
    try {
      const outcome = await runOnce({ one, scenario, peer }, loads, signal)
      this.results.add({ peer: peer.name, round: count.round, label, labelText }, outcome)
    } catch (error) {
      if (signal.aborted) return
      this.failures.push({ scenario: name, peer: peer.name, message: textOf(error) })
    }
  }
}

interface RoundCount {
  /** From 1. */
  readonly round: number
  /** As many as are planned now. */
  readonly rounds: number
}

/** All runs of one round, in their order. */
function runsOf(one: BenchCase): Run[] {
  return one.scenarios.flatMap(scenario => {
    const peers = one.peers.filter(peer => scenario.includes(peer))
    const turns = Array.from({ length: scenario.runsPerRound }, () => peers)
    return turns.flat().map(peer => ({ one, scenario, peer }))
  })
}

/**
 * The load of a site. On loopback each run gets a fresh one: there its own state shows in the
 * figures. A link is slower than any load, so runs on one share theirs until one fails.
 */
class Loads {
  readonly site: Site
  readonly #kept = new Map<Role, Loader>()

  constructor(site: Site) {
    this.site = site
  }

  async at(servicesAt: Role): Promise<Loader> {
    const kept = this.#kept.get(servicesAt)
    if (kept !== undefined) return kept
    const load = await Loader.start({ site: this.site, servicesAt })
    this.#kept.set(servicesAt, load)
    return load
  }

  /** After a run. */
  release(servicesAt: Role, { hasFailed }: { readonly hasFailed: boolean }): void {
    if (this.site.kind !== 'loopback' && !hasFailed) return
    this.#kept.get(servicesAt)?.close()
    this.#kept.delete(servicesAt)
  }

  close(): void {
    for (const load of this.#kept.values()) load.close()
    this.#kept.clear()
  }
}

async function runOnce(
  { one, scenario, peer }: Run,
  loads: Loads,
  signal: AbortSignal,
): Promise<Outcome> {
  const { site } = loads
  const { measureMs, warmUpMs } = one
  let tunnel: Tunnel | undefined
  let hasFailed = true
  try {
    const load = await loads.at(peer.servicesAt)
    tunnel = await peer.open(site, load.ports)
    const work = scenario.run({ site, load, tunnel, measureMs, warmUpMs })
    const outcome = await boundedBy(signal, work)
    hasFailed = false
    return outcome
  } catch (error) {
    // A program that crashed is the cause of whatever the load saw.
    tunnel?.programs?.server.check()
    tunnel?.programs?.client.check()
    throw error
  } finally {
    loads.release(peer.servicesAt, { hasFailed })
    await tunnel?.close()
  }
}

/** Leaves `work` to fail by itself when its load is killed. */
async function boundedBy<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {}) // it is raced below; after an abort nobody else waits for it
  signal.throwIfAborted()
  let giveUp: () => void = () => {}
  let timer: NodeJS.Timeout | undefined
  const ended = new Promise<never>((_resolve, reject) => {
    giveUp = () => reject(new Error('interrupted'))
    signal.addEventListener('abort', giveUp)
    const late = (): void => reject(new Error(`took longer than ${RUN_LIMIT_MS / 1000} s`))
    timer = setTimeout(late, RUN_LIMIT_MS)
  })
  try {
    return await Promise.race([work, ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
