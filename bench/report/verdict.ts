// What a report comes to, in plain words: who carries more and who answers sooner, with figures,
// and as plainly where the rival is better. Nothing is claimed that the runs do not show.

import { compare, mainRival, valuesOf } from './comparison.ts'
import type { Comparison } from './comparison.ts'
import { capital, formatDuration, formatFactor, formatNumber } from './numbers.ts'
import { lookOf } from './peer-look.ts'
import type { BenchReport, Place } from './types.ts'

export interface Verdict {
  /** One sentence. */
  readonly headline: string
  /** The paragraph under it: the reference beside its main rival, both ways. */
  readonly sentences: readonly string[]
  /** Smaller print: the other peers, and what to know before repeating the figures. */
  readonly remarks: readonly string[]
}

/** So many scenarios where the reference is better are named; the rest is counted. */
const NAMED_WINS = 4

/** The rival's wins are what a reader must not miss: a sentence bears no more than so many. */
const NAMED_RIVAL_WINS = 6

/** Of the reference's losses to other peers so many are named, the largest first. */
const NAMED_LOSSES = 2

export function verdictOf(report: BenchReport): Verdict {
  const rival = mainRival(report)
  if (rival === undefined) {
    if (Object.values(report.values).every(byPeer => Object.keys(byPeer).length === 0)) {
      return { headline: 'Nothing was measured.', sentences: [], remarks: caveats(report) }
    }
    const who = lookOf(report.reference).words
    return {
      headline: `${capital(who)} was measured alone.`,
      sentences: ['There is nothing to set it against.'],
      remarks: caveats(report),
    }
  }
  const comparisons = compareAll(report, rival)
  return {
    headline: `${capital(headlineOf(report, rival, comparisons))}.`,
    sentences: sidesOf(report, rival, comparisons),
    remarks: [...gapsOf(report, rival), ...othersOf(report, rival), ...caveats(report)],
  }
}

export function verdictText(report: BenchReport): string {
  const { headline, sentences, remarks } = verdictOf(report)
  return [headline, ...sentences, ...remarks].join(' ')
}

/** For a header: `the lab, 4g: 25 ms ...`. */
export function describePlace(place: Place): string {
  switch (place.kind) {
    case 'loopback':
      return 'loopback of one machine: no delay, no loss'
    case 'lab':
      return `emulated: ${place.text}`
    case 'server':
      return `through the server ${place.address}, on the link as it was`
    default:
      return place satisfies never
  }
}

function compareAll(report: BenchReport, against: string): Comparison[] {
  return report.metrics.flatMap(metric => {
    return compare(report, metric, { peer: report.reference, against }) ?? []
  })
}

function headlineOf(report: BenchReport, rival: string, all: readonly Comparison[]): string {
  const [own, other] = [lookOf(report.reference).words, lookOf(rival).words]
  const where = whereOf(report)
  const bulk = all.filter(({ metric }) => metric.unit === 'Mbit/s' && /^bulk/.test(metric.id))
  const outcomes = new Set(bulk.map(({ outcome }) => outcome))
  if (outcomes.size === 1) {
    if (outcomes.has('even')) return `${own} and ${other} carry about the same ${where}`
    if (outcomes.has('better')) return `${own} carries ${factors(bulk)} what ${other} does ${where}`
    return `${other} carries ${factors(bulk)} what ${own} does ${where}`
  }
  const count = (wanted: Comparison['outcome']): number =>
    all.filter(({ outcome }) => outcome === wanted).length
  const [wins, losses] = [count('better'), count('worse')]
  if (wins + losses === 0) return `${own} and ${other} differ in no figure ${where}`
  if (wins === 0) return `${other} is better than ${own} in ${figures(losses)} ${where}`
  if (losses === 0) return `${own} is better than ${other} in ${figures(wins)} ${where}`
  return `${own} is better in ${figures(wins)}, ${other} in ${losses} ${where}`
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

function sidesOf(report: BenchReport, rival: string, all: readonly Comparison[]): string[] {
  const [own, other] = [lookOf(report.reference).words, lookOf(rival).words]
  const wins = largest(all.filter(({ outcome }) => outcome === 'better'))
  const losses = largest(all.filter(({ outcome }) => outcome === 'worse'))
  const even = all.filter(({ outcome }) => outcome === 'even')
  // One figure of each scenario: its median and its 99th percentile say much the same.
  const scenarios = new Map<string, Comparison>()
  for (const win of wins) {
    if (!scenarios.has(win.metric.scenario)) scenarios.set(win.metric.scenario, win)
  }
  const best = [...scenarios.values()].slice(0, NAMED_WINS)
  return [
    `${capital(own)} is better in ${some(best, wins.length)}.`,
    `${capital(other)} is better in ${some(losses.slice(0, NAMED_RIVAL_WINS), losses.length)}.`,
    ...(even.length === 0
      ? []
      : [`Too close to call: ${list(even.map(({ metric }) => metric.title))}.`]),
  ]
}

/** The largest differences first. */
function largest(comparisons: readonly Comparison[]): Comparison[] {
  return comparisons.toSorted((a, b) => (b.factor ?? 0) - (a.factor ?? 0))
}

/** Some with their figures, and how many of `total` are left. */
function some(named: readonly Comparison[], total: number): string {
  if (total === 0) return 'no figure'
  const rest = total - named.length
  return list([...named.map(detail), ...(rest > 0 ? [`and ${figures(rest)} more`] : [])])
}

/** `one stream down (38.2 against 3.10 Mbit/s, 12x)`: the better one first. */
function detail({ metric, own, other, outcome, factor }: Comparison): string {
  const [first, second] = outcome === 'better' ? [own, other] : [other, own]
  const unit = metric.unit === '' ? '' : ` ${metric.unit}`
  const times = factor === undefined ? '' : `, ${formatFactor(factor)}`
  return `${metric.title} (${formatNumber(first)} against ${formatNumber(second)}${unit}${times})`
}

/** Figures that only one of the two has: the other failed there, or was not asked. */
function gapsOf(report: BenchReport, rival: string): string[] {
  const pairs = [
    [report.reference, rival],
    [rival, report.reference],
  ] as const
  return pairs.flatMap(([one, other]) => {
    const alone = report.metrics.filter(({ id }) => {
      return valuesOf(report, id, one).length > 0 && valuesOf(report, id, other).length === 0
    })
    if (alone.length === 0) return []
    const named = alone.slice(0, NAMED_WINS).map(({ title }) => title)
    const rest = alone.length - named.length
    const titles = list([...named, ...(rest > 0 ? [`and ${figures(rest)} more`] : [])])
    return [`Only ${lookOf(one).words} has a figure for ${titles}.`]
  })
}

/** One sentence for each peer beside the two; none for the direct way, which is not a choice. */
function othersOf(report: BenchReport, rival: string): string[] {
  const own = lookOf(report.reference).words
  const others = Object.keys(report.versions).filter(peer => {
    return peer !== report.reference && peer !== rival && peer !== 'direct'
  })
  return others.flatMap(peer => {
    const all = compareAll(report, peer)
    if (all.length === 0) return []
    const wins = all.filter(({ outcome }) => outcome === 'better')
    const losses = all.filter(({ outcome }) => outcome === 'worse')
    const named = largest(losses).slice(0, NAMED_LOSSES).map(detailOfLoss)
    const first = losses.length > named.length ? ', first of all ' : ': '
    const worse = losses.length === 0 ? 'in none' : `in ${losses.length}${first}${list(named)}`
    const better = `better in ${wins.length} of ${figures(all.length)}`
    return [`Against ${lookOf(peer).words}, ${own} is ${better} and worse ${worse}.`]
  })
}

function detailOfLoss({ metric, factor }: Comparison): string {
  return factor === undefined ? metric.title : `${metric.title} (${formatFactor(factor)})`
}

/** What a reader must know before he repeats the figures. */
function caveats(report: BenchReport): string[] {
  const counts = Object.values(report.values).flatMap(byPeer => {
    return Object.values(byPeer).map(values => values.length)
  })
  const least = counts.length === 0 ? 0 : Math.min(...counts)
  const { place, failures } = report
  return [
    ...(least === 1 ? ['Some figures are of a single run, whose spread is not known.'] : []),
    ...(place.kind === 'loopback'
      ? ['Loopback shows what the programs cost, not what a link with delay and loss does to them.']
      : []),
    ...(failures.length === 0
      ? []
      : [`${failures.length === 1 ? 'One run' : `${failures.length} runs`} failed.`]),
    ...(report.isInterrupted
      ? [`The bench was interrupted after ${formatDuration(report.elapsedMs)}.`]
      : []),
  ]
}

function figures(count: number): string {
  return count === 1 ? 'one figure' : `${count} figures`
}

function list(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join('; ')}; ${items.at(-1)}`
}
