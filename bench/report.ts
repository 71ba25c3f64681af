// The tables of the bench as text: figures of each peer, then ratios and bounds with their goals.

import type { Goal } from './goals.ts'
import type { GoalResult, Results } from './results.ts'
import type { Metric } from './scenarios/scenario.ts'
import type { Summary } from './stats.ts'

export interface ReportOptions {
  readonly metrics: readonly Metric[]
  readonly peers: readonly string[]
  readonly goals: readonly Goal[]
  /** Only for a terminal. */
  readonly hasColor: boolean
}

export function figuresTable(results: Results, { metrics, peers }: ReportOptions): string[] {
  const rows = metrics.flatMap(metric => {
    const measured = peers.flatMap(peer => {
      const summary = results.summary(metric.id, peer)
      return summary === undefined ? [] : [{ peer, summary }]
    })
    return measured.map(({ peer, summary }, index) => [
      index === 0 ? metric.title : '',
      peer,
      formatNumber(summary.median),
      metric.unit,
      formatSpread(summary),
      String(summary.count)
    ])
  })
  if (rows.length === 0) return ['nothing was measured']
  return alignColumns([['figure', 'peer', 'median', '', 'range', 'runs'], ...rows], [2, 5])
}

export function goalsTable(
  results: Results,
  { metrics, goals, hasColor }: ReportOptions
): string[] {
  const titles = new Map(metrics.map(metric => [metric.id, metric]))
  const judged = goals.flatMap(goal => results.judge(goal) ?? [])
  if (judged.length === 0) return []
  const rows = judged.map(result => {
    const metric = titles.get(result.goal.metric)
    const { goal } = result
    const unit = goal.type === 'bound' ? ` ${metric?.unit ?? ''}` : 'x'
    return [
      metric?.title ?? goal.metric,
      goal.type === 'bound' ? goal.peer : `${goal.peer} / ${goal.against}`,
      formatNumber(result.value) + unit,
      result.spread === undefined ? '' : formatSpread(result.spread),
      formatGoal(goal, unit),
      result.verdict === 'shown' ? '' : result.verdict
    ]
  })
  const lines = alignColumns([['ratio or bound', 'of', 'value', 'range', 'goal', ''], ...rows], [2])
  return hasColor ? lines.map((line, index) => colored(line, judged[index - 1])) : lines
}

/** Pads columns to one width, those in `rightAligned` on the left; no blanks at line ends. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[]
): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  }
  return rows.map(row => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0
      return rightAligned.includes(column) ? cell.padStart(width) : cell.padEnd(width)
    })
    return cells.join('  ').trimEnd()
  })
}

/** Three digits that matter: 3412, 97.4, 1.52. */
export function formatNumber(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  return value.toFixed(size >= 10 ? 1 : 2)
}

function formatSpread({ min, max, count }: Summary): string {
  return count === 1 ? '' : `${formatNumber(min)}..${formatNumber(max)}`
}

function formatGoal(goal: Goal, unit: string): string {
  if (goal.atMost !== undefined) return `<= ${goal.atMost}${unit}`
  if (goal.type === 'ratio' && goal.atLeast !== undefined) return `>= ${goal.atLeast}${unit}`
  return ''
}

function colored(line: string, result: GoalResult | undefined): string {
  if (result?.verdict === 'met') return `\u001b[32m${line}\u001b[0m`
  if (result?.verdict === 'missed') return `\u001b[31m${line}\u001b[0m`
  return line
}
