// The one sentence at the top of a report: which side carries how many times as much, and which
// answers sooner. It speaks for a side only where all figures of that kind do.

import type { Comparison } from './comparison.ts'
import { formatFactor } from './numbers.ts'
import { lookOf } from './peer-look.ts'
import type { BenchReport, Metric } from './types.ts'

/**
 * Who carries more and who answers keystrokes beside it sooner; where neither was measured, how
 * many figures each side wins.
 */
export function headlineOf(report: BenchReport, rival: string, all: readonly Comparison[]): string {
  const [own, other] = [lookOf(report.reference).words, lookOf(rival).words]
  const where = whereOf(report)
  const bulk = all.filter(({ metric }) => metric.unit === 'Mbit/s' && /^bulk/.test(metric.id))
  const carried = carriedOf(bulk, own, other)
  const sooner = soonerOf(all)
  if (carried !== undefined && sooner === undefined) return `${carried} ${where}`
  if (carried !== undefined && sooner !== undefined) {
    const who = sooner.isOwn ? own : other
    const isSame = bulk.every(({ outcome }) => outcome === (sooner.isOwn ? 'better' : 'worse'))
    return `${carried} ${where}${isSame ? ' and' : `; ${who}`} ${sooner.text}`
  }
  const count = (wanted: Comparison['outcome']): number =>
    all.filter(({ outcome }) => outcome === wanted).length
  const [wins, losses] = [count('better'), count('worse')]
  if (wins + losses === 0) return `${own} and ${other} differ in no figure ${where}`
  if (wins === 0) return `${other} is better than ${own} in ${figures(losses)} ${where}`
  if (losses === 0) return `${own} is better than ${other} in ${figures(wins)} ${where}`
  return `${own} is better in ${figures(wins)}, ${other} in ${losses} ${where}`
}

/** Undefined where no bulk transfer was measured. */
function carriedOf(bulk: readonly Comparison[], own: string, other: string): string | undefined {
  if (bulk.length === 0) return undefined
  const of = (wanted: Comparison['outcome']): Comparison[] =>
    bulk.filter(({ outcome }) => outcome === wanted)
  const [better, worse, even] = [of('better'), of('worse'), of('even')]
  const isUniform = [better, worse, even].some(group => group.length === bulk.length)
  const places = (group: readonly Comparison[]): string => {
    if (isUniform) return ''
    // On many links the names are too many for a headline.
    if (group.length > 2) return ` in ${group.length} of ${bulk.length} transfers`
    return ` ${group.map(({ metric }) => directionOf(metric)).join(' and ')}`
  }
  const both = isUniform ? `${own} and ${other} carry` : 'both carry'
  const clauses = [
    ...(better.length === 0
      ? []
      : [`${own} carries ${factors(better)} what ${other} does${places(better)}`]),
    ...(worse.length === 0
      ? []
      : [`${other} carries ${factors(worse)} what ${own} does${places(worse)}`]),
    ...(even.length === 0 ? [] : [`${both} about the same${places(even)}`]),
  ]
  return clauses.join(', ')
}

/** `up` of bulk-up; a title where the id does not tell. */
function directionOf({ id, title }: Metric): string {
  return /^bulk-(up|down)$/.exec(id)?.[1] ?? `in ${title}`
}

/** Undefined where keystrokes beside a transfer do not all speak for one side. */
function soonerOf(all: readonly Comparison[]): { isOwn: boolean; text: string } | undefined {
  const loaded = all.filter(({ metric }) => {
    return metric.unit === 'ms' && /^keystroke-/.test(metric.scenario)
  })
  const outcomes = new Set(loaded.map(({ outcome }) => outcome))
  if (outcomes.size !== 1 || outcomes.has('even')) return undefined
  if (loaded.some(({ factor }) => factor === undefined)) return undefined
  const text = `answers keystrokes beside a transfer ${factors(loaded)} sooner`
  return { isOwn: outcomes.has('better'), text }
}

/** `12x`, or `9x to 12x` where the figures differ; `more than` where one side carried nothing. */
function factors(comparisons: readonly Comparison[]): string {
  const known = comparisons.flatMap(({ factor }) => factor ?? [])
  if (known.length < comparisons.length) return 'more than'
  const [low, high] = [formatFactor(Math.min(...known)), formatFactor(Math.max(...known))]
  return low === high ? low : `${low} to ${high}`
}

function whereOf({ place, metrics }: BenchReport): string {
  if (place.kind === 'loopback') return 'over loopback'
  if (place.kind === 'server') return 'on the way to this server'
  if (metrics.some(({ id }) => id.includes('@'))) return 'on these links'
  const { up, down } = place.link
  const percent = (loss = 0): string => `${Number((loss * 100).toPrecision(3))} %`
  if ((up.loss ?? 0) === 0 && (down.loss ?? 0) === 0) return 'on this link'
  if (up.loss === down.loss) return `on this link with ${percent(up.loss)} loss`
  return `on this link with ${percent(down.loss)} loss towards frpc and ${percent(up.loss)} from it`
}

export function figures(count: number): string {
  return count === 1 ? 'one figure' : `${count} figures`
}
