// The nat bench as a report: one lab, and in it each peer with all parts, ours first.

import { loadavg } from 'node:os'
import { thisMachine } from '../machine.ts'
import type { Goal } from '../goals.ts'
import type { BenchReport, Failure, Table } from '../report/types.ts'
import type { Step } from '../report/index.ts'
import { Results } from '../results.ts'
import type { PartRig } from './part.ts'
import { LINE_DELAY_MS, PEER_RTT_MS, SERVER_RTT_MS } from './places.ts'
import { NatServer } from './peers.ts'
import type { NatPlan } from './plan.ts'
import { World } from './world.ts'

export interface NatRunOptions {
  readonly plan: NatPlan
  readonly command: string
  readonly signal: AbortSignal
  readonly progress: (step: Step) => void
}

/** Rejects when the lab cannot be opened; what fails later is in the report. */
export async function runNat(options: NatRunOptions): Promise<BenchReport> {
  const { plan, command, signal } = options
  const date = new Date().toISOString()
  const machine = thisMachine()
  const startedAt = performance.now()
  const run = new NatRun(options)
  const notes = await run.all()
  const { results, failures, tables } = run
  const goals: Goal[] = plan.parts.flatMap(part => part.goals)
  return {
    version: 1,
    date,
    command,
    machine,
    versions: Object.fromEntries(plan.peers.map(({ name, description }) => [name, description])),
    reference: plan.peers[0]?.name ?? '',
    place: {
      kind: 'lab',
      text:
        `two machines behind NATs, ${SERVER_RTT_MS} ms from frps and back, ` +
        `${PEER_RTT_MS} ms from each other`,
      link: {
        up: { delayMs: LINE_DELAY_MS },
        down: { delayMs: LINE_DELAY_MS },
        userRoundTripMs: 0,
      },
    },
    rounds: plan.tries,
    measureMs: 0,
    elapsedMs: performance.now() - startedAt,
    isInterrupted: signal.aborted,
    notes,
    metrics: plan.parts.flatMap(({ metrics }) => metrics),
    values: results.toJSON(),
    series: results.series,
    tables,
    goals: goals.flatMap(goal => results.judge(goal) ?? []),
    failures,
  }
}

/** So many attempts in a row: the rest of the part is left out. */
const FAILURES_BEFORE_SKIPPING = 3

class SkipError extends Error {
  override readonly name = 'SkipError'

  constructor() {
    super(`${FAILURES_BEFORE_SKIPPING} attempts in a row failed: the rest of it is left out`)
  }
}

class NatRun {
  readonly results = new Results()
  readonly failures: Failure[] = []
  readonly tables: Table[] = []
  readonly #options: NatRunOptions
  readonly #startedAt = performance.now()

  constructor(options: NatRunOptions) {
    this.#options = options
  }

  /** What a reader must know of the run. */
  async all(): Promise<string[]> {
    const { plan, signal } = this.#options
    const world = await World.open()
    try {
      for (const peer of plan.peers) {
        if (signal.aborted) break
        const parts = plan.parts.filter(part => part.includes(peer))
        if (parts.length === 0) continue
        let server: NatServer
        try {
          server = await NatServer.start(world, peer)
        } catch (error) {
          this.#fail('start', peer.name, error)
          continue
        }
        try {
          await this.#peer(world, server)
        } finally {
          await server.close()
        }
      }
      const { lateMs, isRealtime } = (await world.lab.stats()).router
      return [
        `the lab's router was ${lateMs.p99.toFixed(1)} ms late at p99` +
          (isRealtime ? '' : ', without a priority of its own'),
        `load average ${loadavg()[0]?.toFixed(1)} at the end`,
      ]
    } finally {
      await world.close()
    }
  }

  async #peer(world: World, server: NatServer): Promise<void> {
    const { plan, signal } = this.#options
    const { name } = server.peer
    const parts = plan.parts.filter(part => part.includes(server.peer))
    for (const [index, part] of parts.entries()) {
      if (signal.aborted) return
      let failedInRow = 0
      const rig: PartRig = {
        ...plan,
        world,
        server,
        signal,
        add: (values, round, plots = []) => {
          failedInRow = 0
          this.results.add(
            { peer: name, round, label: undefined, labelText: undefined },
            { values, plots },
          )
        },
        fail: (what, error) => {
          this.#fail(`${part.name} (${what})`, name, error)
          failedInRow++
          if (failedInRow === FAILURES_BEFORE_SKIPPING) throw new SkipError()
        },
        table: table => this.tables.push(table),
        step: (text, round, rounds) => {
          this.#options.progress({
            done: index,
            total: parts.length,
            scenario: text,
            peer: name,
            round,
            rounds,
            elapsedMs: performance.now() - this.#startedAt,
          })
        },
      }
      try {
        await part.run(rig)
      } catch (error) {
        if (!signal.aborted) this.#fail(part.name, name, error)
      }
    }
  }

  #fail(scenario: string, peer: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.failures.push({ scenario, peer, message })
  }
}
