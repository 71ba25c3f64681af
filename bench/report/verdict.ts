// What a report comes to, in plain words: who carries more and who answers sooner, with figures,
// and as plainly where the rival is better. Nothing is claimed that the runs do not show.

import { compareAll, mainRival, valuesOf } from './comparison.ts'
import type { Comparison } from './comparison.ts'
import { figures, headlineOf } from './headline.ts'
import { capital, formatFactor, formatNumber } from './numbers.ts'
import { lookOf } from './peer-look.ts'
import type { BenchReport, Metric, Place } from './types.ts'

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

/** Of figures that say nothing for either side. */
const NAMED_TITLES = 4

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
    ...(even.length === 0 ? [] : [`Too close to call: ${titlesOf(even.map(one => one.metric))}.`]),
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

function titlesOf(metrics: readonly Metric[]): string {
  const named = metrics.slice(0, NAMED_TITLES).map(({ title }) => title)
  const rest = metrics.length - named.length
  return list([...named, ...(rest > 0 ? [`and ${figures(rest)} more`] : [])])
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
    return [`Only ${lookOf(one).words} has a figure for ${titlesOf(alone)}.`]
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
  ]
}

function list(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join('; ')}; ${items.at(-1)}`
}
