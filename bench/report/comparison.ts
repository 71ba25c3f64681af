// Two peers beside each other in one metric: who is better, by which factor, and whether the runs
// allow to say so at all.

import { median, summarize } from '../stats.ts'
import type { Summary } from '../stats.ts'
import type { BenchReport, Metric } from './types.ts'

/** Medians closer than this are called even, however narrow the spreads are. */
const EVEN_WITHIN = 0.05

/** A single run knows no spread: on loopback such runs differ by this much by themselves. */
const EVEN_WITHIN_SINGLE = 0.25

/** From so many runs on, one outlier at each end does not count against a difference. */
const RUNS_WITH_OUTLIERS = 5

export interface Comparison {
  readonly metric: Metric
  readonly peer: string
  readonly against: string
  /** Medians over the runs. */
  readonly own: number
  readonly other: number
  /** Of `peer`. `even`: the medians are close, or the spreads of the runs overlap. */
  readonly outcome: 'better' | 'worse' | 'even'
  /**
   * By how much the better one is better, never under 1. Undefined where a quotient says nothing:
   * a median of zero or less, and shares in percent.
   */
  readonly factor: number | undefined
}

/** Undefined where one of the two was not measured. */
export function compare(
  report: BenchReport,
  metric: Metric,
  { peer, against }: { readonly peer: string; readonly against: string },
): Comparison | undefined {
  const owns = valuesOf(report, metric.id, peer)
  const others = valuesOf(report, metric.id, against)
  if (owns.length === 0 || others.length === 0) return undefined
  const own = median(owns)
  const other = median(others)
  const isHigher = own > other
  const isBetter = metric.better === 'higher' ? isHigher : !isHigher
  const hasFactor = metric.unit !== '%' && Math.min(own, other) > 0
  return {
    metric,
    peer,
    against,
    own,
    other,
    outcome: isEven(owns, others) ? 'even' : isBetter ? 'better' : 'worse',
    factor: hasFactor ? Math.max(own, other) / Math.min(own, other) : undefined,
  }
}

/** The reference of a report beside one peer, in every metric that both have. */
export function compareAll(report: BenchReport, against: string): Comparison[] {
  return report.metrics.flatMap(metric => {
    return compare(report, metric, { peer: report.reference, against }) ?? []
  })
}

export function valuesOf(report: BenchReport, metric: string, peer: string): readonly number[] {
  return report.values[metric]?.[peer] ?? []
}

/** Undefined where nothing was measured. */
export function summaryOf(report: BenchReport, metric: string, peer: string): Summary | undefined {
  const values = valuesOf(report, metric, peer)
  return values.length === 0 ? undefined : summarize(values)
}

/** All peers of a metric that were measured, in the order of the report. */
export function peersOf(report: BenchReport, metric: string): string[] {
  return Object.keys(report.versions).filter(peer => valuesOf(report, metric, peer).length > 0)
}

/**
 * Whom the words of a report are about, beside its reference: the first of TCP mode, another peer,
 * no tunnel. Undefined where the reference was alone.
 */
export function mainRival(report: BenchReport): string | undefined {
  const others = Object.keys(report.versions).filter(peer => {
    return (
      peer !== report.reference && report.metrics.some(({ id }) => isMeasured(report, id, peer))
    )
  })
  const tcp = report.reference === 'ours-tcp' ? 'ours-quic' : 'ours-tcp'
  return others.find(peer => peer === tcp) ?? others.find(peer => peer !== 'direct') ?? others[0]
}

function isMeasured(report: BenchReport, metric: string, peer: string): boolean {
  const own = valuesOf(report, metric, report.reference)
  return own.length > 0 && valuesOf(report, metric, peer).length > 0
}

function isEven(a: readonly number[], b: readonly number[]): boolean {
  const [low, high] = [median(a), median(b)].sort((one, two) => one - two)
  if (low === undefined || high === undefined) return true
  const isSingle = a.length === 1 || b.length === 1
  const within = isSingle ? EVEN_WITHIN_SINGLE : EVEN_WITHIN
  if (high - low <= within * Math.max(Math.abs(low), Math.abs(high))) return true
  const [rangeA, rangeB] = [trusted(a), trusted(b)]
  return rangeA.min <= rangeB.max && rangeB.min <= rangeA.max
}

function trusted(values: readonly number[]): { min: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b)
  const inner = sorted.length >= RUNS_WITH_OUTLIERS ? sorted.slice(1, -1) : sorted
  return { min: inner[0] ?? NaN, max: inner.at(-1) ?? NaN }
}
