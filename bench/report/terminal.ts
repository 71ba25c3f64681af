// A report as text for a terminal: what it was measured on, the figures of each peer with the
// ratio of the reference to it, the goals, and what failed.

import { compare, peersOf, summaryOf } from './comparison.ts'
import type { Comparison } from './comparison.ts'
import { formatDuration, formatFactor, formatFigure, formatNumber, formatRange } from './numbers.ts'
import type { BenchReport, GoalResult, Metric } from './types.ts'
import { describePlace, verdictText } from './verdict.ts'

export interface TerminalOptions {
  /** Only for a terminal whose user did not set NO_COLOR. */
  readonly hasColor: boolean
}

type Color = 'green' | 'red' | 'dim'

const CODES: Readonly<Record<Color, number>> = { green: 32, red: 31, dim: 2 }

/** Whether a stream wants colours, by https://no-color.org. */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
}

/** The whole report, ending with a newline. */
export function terminalReport(report: BenchReport, options: TerminalOptions): string {
  const blocks = [
    headLines(report),
    ...tableBlocks(report),
    figureLines(report, options),
    goalLines(report, options),
    report.failures.map(
      ({ scenario, peer, message }) => `failed: ${scenario} of ${peer}: ${message}`,
    ),
    wrap(verdictText(report), 80),
    [endLine(report)],
  ]
  const texts = blocks.filter(lines => lines.length > 0).map(lines => lines.join('\n'))
  return `${texts.join('\n\n')}\n`
}

export function headLines(report: BenchReport): string[] {
  const { machine } = report
  const memory = formatNumber(machine.memoryBytes / 2 ** 30)
  const load = machine.load.map(value => value.toFixed(1)).join(' ')
  return [
    `command  ${report.command}`,
    `date     ${report.date}`,
    `link     ${describePlace(report.place)}`,
    `machine  ${machine.cores} x ${machine.cpu}, ${memory} GiB, load average ${load}`,
    `system   ${machine.os}, ${machine.kernel}, Node ${machine.node.replace(/^v/, '')}`,
    ...Object.entries(report.versions).map(
      ([peer, text], index) => `${index === 0 ? 'peers   ' : '        '} ${peer}: ${text}`,
    ),
    ...report.notes.map((note, index) => `${index === 0 ? 'notes   ' : '        '} ${note}`),
  ]
}

/** A block for each table. */
function tableBlocks({ tables = [] }: BenchReport): string[][] {
  return tables.map(({ title, columns, rows }) => {
    const isFigure = columns.flatMap((_, index) => (index === 0 ? [] : [index]))
    return [title, ...alignColumns([columns, ...rows], isFigure).map(line => `  ${line}`)]
  })
}

/** A head line for each metric, under it a line for each peer that was measured. */
export function figureLines(report: BenchReport, { hasColor }: TerminalOptions): string[] {
  const rows: { cells: readonly string[]; head?: string; color?: Color | undefined }[] = []
  for (const metric of report.metrics) {
    const peers = peersOf(report, metric.id)
    if (peers.length === 0) continue
    const direction = metric.better === 'higher' ? 'more is better' : 'less is better'
    rows.push({ cells: [], head: `${metric.title} (${direction})` })
    for (const peer of peers) rows.push(peerRow(report, metric, peer))
  }
  if (rows.length === 0) return ['nothing was measured']
  const titles = ['  peer', 'median', 'range', 'runs', `${report.reference} is`]
  const aligned = alignColumns([titles, ...rows.map(({ cells }) => cells)], [1, 3])
  const lines = rows.map(({ head, color }, index) => {
    const line = head ?? aligned[index + 1] ?? ''
    return hasColor ? paint(line, color) : line
  })
  return [aligned[0] ?? '', ...lines]
}

function peerRow(
  report: BenchReport,
  metric: Metric,
  peer: string,
): { cells: readonly string[]; color: Color | undefined } {
  const summary = summaryOf(report, metric.id, peer)
  if (summary === undefined) return { cells: [], color: undefined }
  const comparison =
    peer === report.reference
      ? undefined
      : compare(report, metric, { peer: report.reference, against: peer })
  const { median, count } = summary
  const cells = [
    `  ${peer}`,
    formatFigure(median, metric.unit),
    formatRange(summary),
    String(count),
    comparison === undefined ? '' : describeOutcome(comparison),
  ]
  return { cells, color: comparison === undefined ? undefined : colorOf(comparison) }
}

/** `12x better`, `1.4x worse`; `even` where the runs allow to say no more. */
export function describeOutcome({ outcome, factor }: Comparison): string {
  if (outcome === 'even') return 'even'
  return factor === undefined ? outcome : `${formatFactor(factor)} ${outcome}`
}

export function goalLines(report: BenchReport, { hasColor }: TerminalOptions): string[] {
  if (report.goals.length === 0) return []
  const metrics = new Map(report.metrics.map(metric => [metric.id, metric]))
  const rows = report.goals.map(result => goalCells(result, metrics.get(result.goal.metric)))
  const lines = alignColumns([['goal', 'of', 'value', 'range', 'wanted', ''], ...rows], [2])
  if (!hasColor) return lines
  return lines.map((line, index) => {
    const verdict = report.goals[index - 1]?.verdict
    return paint(line, verdict === 'met' ? 'green' : verdict === 'missed' ? 'red' : undefined)
  })
}

/** Title, peers, value, range, bound and verdict of one goal. */
export function goalCells(result: GoalResult, metric: Metric | undefined): readonly string[] {
  const { goal, value, spread, verdict } = result
  const isRatio = goal.type === 'ratio'
  const bounds: { readonly atLeast?: number; readonly atMost?: number } = goal
  const unit = metric?.unit ?? ''
  const suffix = isRatio ? 'x' : unit === '' ? '' : ` ${unit}`
  const wanted = [
    ...(bounds.atLeast === undefined ? [] : [`>= ${bounds.atLeast}${suffix}`]),
    ...(bounds.atMost === undefined ? [] : [`<= ${bounds.atMost}${suffix}`]),
  ]
  return [
    metric?.title ?? goal.metric,
    isRatio ? `${goal.peer} / ${goal.against}` : goal.peer,
    `${formatNumber(value)}${suffix}`,
    formatRange(spread),
    wanted.join(' and '),
    verdict === 'shown' ? '' : verdict,
  ]
}

function endLine(report: BenchReport): string {
  const time = formatDuration(report.elapsedMs)
  const rounds = `${report.rounds} ${report.rounds === 1 ? 'round' : 'rounds'}`
  if (!report.isInterrupted) return `${rounds} in ${time}`
  return `interrupted after ${time}: the figures are those measured so far`
}

/** Pads columns to one width, those in `rightAligned` on the left; no blanks at line ends. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[],
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

function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return line === '' ? lines : [...lines, line]
}

function colorOf({ outcome }: Comparison): Color {
  if (outcome === 'even') return 'dim'
  return outcome === 'better' ? 'green' : 'red'
}

function paint(line: string, color: Color | undefined): string {
  return color === undefined ? line : `\u001b[${CODES[color]}m${line}\u001b[0m`
}
