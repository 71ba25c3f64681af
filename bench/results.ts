// What was measured so far: values by metric and peer, in the order of the runs.

import type { Goal } from './goals.ts'
import type { Values } from './scenarios/scenario.ts'
import { median, summarize } from './stats.ts'
import type { Summary } from './stats.ts'

export interface GoalResult {
  readonly goal: Goal
  readonly value: number
  /** Ratios of runs that stood next to each other: how far the figure can be trusted. */
  readonly spread: Summary | undefined
  readonly verdict: 'met' | 'missed' | 'shown'
}

export class Results {
  readonly #values = new Map<string, number[]>()

  add(peer: string, values: Values): void {
    for (const [metric, value] of Object.entries(values)) {
      const key = keyOf(metric, peer)
      const list = this.#values.get(key)
      if (list === undefined) this.#values.set(key, [value])
      else list.push(value)
    }
  }

  /** Values of all runs by metric, then by peer. */
  toJSON(): Record<string, Record<string, readonly number[]>> {
    const byMetric: Record<string, Record<string, readonly number[]>> = {}
    for (const [key, values] of this.#values) {
      const [metric = '', peer = ''] = key.split(' ')
      byMetric[metric] = { ...byMetric[metric], [peer]: values }
    }
    return byMetric
  }

  values(metric: string, peer: string): readonly number[] {
    return this.#values.get(keyOf(metric, peer)) ?? []
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
      return {
        goal,
        value,
        spread: summarize(values),
        verdict: value <= goal.atMost ? 'met' : 'missed'
      }
    }
    const others = this.values(goal.metric, goal.against)
    if (others.length === 0) return undefined
    const value = median(values) / median(others)
    const pairs = values.slice(0, others.length).map((own, index) => own / (others[index] ?? NaN))
    return { goal, value, spread: summarize(pairs), verdict: verdictOf(goal, value) }
  }
}

function verdictOf(
  { atLeast, atMost }: { readonly atLeast?: number; readonly atMost?: number },
  value: number
): GoalResult['verdict'] {
  if (atLeast === undefined && atMost === undefined) return 'shown'
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity) ? 'met' : 'missed'
}

function keyOf(metric: string, peer: string): string {
  return `${metric} ${peer}`
}
