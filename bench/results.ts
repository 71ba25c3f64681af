// What was measured so far: values by metric and peer in the order of the runs, and plots.

import type { Goal } from './goals.ts'
import type { GoalResult, Series } from './report/types.ts'
import type { Outcome } from './scenarios/scenario.ts'
import { median, summarize } from './stats.ts'
import type { Summary } from './stats.ts'

/** Whose outcome it is. */
export interface RunName {
  readonly peer: string
  /** From 1. */
  readonly round: number
  /** Distinguishes links of one session: metric `bulk-down` becomes `bulk-down@loss-1`. */
  readonly label: string | undefined
  /** The same in words, for titles. */
  readonly labelText: string | undefined
}

export class Results {
  readonly #values = new Map<string, Map<string, number[]>>()
  readonly #series: Series[] = []

  add({ peer, round, label, labelText }: RunName, { values, plots = [] }: Outcome): void {
    for (const [metric, value] of Object.entries(values)) {
      this.#list(labelled(metric, label), peer).push(value)
    }
    for (const plot of plots) {
      const id = labelled(plot.id, label)
      const title = labelText === undefined ? plot.title : `${plot.title}, ${labelText}`
      this.#series.push({ ...plot, id, title, peer, round })
    }
  }

  get series(): readonly Series[] {
    return this.#series
  }

  /** Values of all runs by metric, then by peer. */
  toJSON(): Record<string, Record<string, readonly number[]>> {
    const entries = [...this.#values].map(([metric, peers]) => [metric, Object.fromEntries(peers)])
    return Object.fromEntries(entries) as Record<string, Record<string, readonly number[]>>
  }

  values(metric: string, peer: string): readonly number[] {
    return this.#values.get(metric)?.get(peer) ?? []
  }

  summary(metric: string, peer: string): Summary | undefined {
    const values = this.values(metric, peer)
    return values.length === 0 ? undefined : summarize(values)
  }

  /** Undefined where something is not measured. */
  judge(goal: Goal): GoalResult | undefined {
    const values = this.values(goal.metric, goal.peer)
    if (values.length === 0) return undefined
    if (goal.type === 'bound') {
      const value = median(values)
      return { goal, value, spread: summarize(values), verdict: verdictOf(goal, value) }
    }
    const others = this.values(goal.metric, goal.against)
    if (others.length === 0) return undefined
    const value = median(values) / median(others)
    const pairs = values.slice(0, others.length).map((own, index) => own / (others[index] ?? NaN))
    return { goal, value, spread: summarize(pairs), verdict: verdictOf(goal, value) }
  }

  #list(metric: string, peer: string): number[] {
    const peers = this.#values.get(metric) ?? new Map<string, number[]>()
    this.#values.set(metric, peers)
    const list = peers.get(peer) ?? []
    peers.set(peer, list)
    return list
  }
}

export function labelled(metric: string, label: string | undefined): string {
  return label === undefined ? metric : `${metric}@${label}`
}

function verdictOf(
  { atLeast, atMost }: { readonly atLeast?: number; readonly atMost?: number },
  value: number,
): GoalResult['verdict'] {
  if (atLeast === undefined && atMost === undefined) return 'shown'
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity) ? 'met' : 'missed'
}
