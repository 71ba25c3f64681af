// The figures of one metric as bars: from zero, with a dot for each run, the median and the range
// in numbers, and how the reference of the report stands to each peer.

import { compare, peersOf, summaryOf, valuesOf } from './comparison.ts'
import { markup, type Markup } from './markup.ts'
import { capital, formatNumber, formatRange, pageText, pageUnit } from './numbers.ts'
import { lookOf } from './peer-look.ts'
import { percent } from './plot-frame.ts'
import { axisEnd } from './scale.ts'
import { describeOutcome } from './terminal.ts'
import type { BenchReport, Metric } from './types.ts'

/** A sibling up to so many times as large does not make the bars too short to compare. */
const SHARED_WITHIN = 2

/** `siblings` stand on the page too: with the same unit and a like size they share a scale. */
export function barBlock(report: BenchReport, metric: Metric, siblings: readonly Metric[]): Markup {
  const peers = peersOf(report, metric.id)
  const own = fullOf(report, metric)
  const full = Math.max(
    ...siblings
      .filter(({ unit }) => unit === metric.unit)
      .map(sibling => fullOf(report, sibling))
      .filter(other => other <= own * SHARED_WITHIN),
    own,
  )
  const better = metric.better === 'higher' ? 'more is better' : 'less is better'
  const unit = metric.unit === '' ? better : `${pageUnit(metric.unit)}, ${better}`
  return markup`<figure class="bars">
<figcaption>${capital(metric.title)} <small>${unit}</small></figcaption>
${peers.map(peer => row(report, metric, { peer, full }))}</figure>`
}

/** The value at the right end of all bars of a metric that stands alone. */
function fullOf(report: BenchReport, metric: Metric): number {
  const peers = peersOf(report, metric.id)
  return axisEnd(peers.map(peer => [peer, Math.max(...valuesOf(report, metric.id, peer))]))
}

function row(
  report: BenchReport,
  metric: Metric,
  { peer, full }: { readonly peer: string; readonly full: number },
): Markup {
  const summary = summaryOf(report, metric.id, peer)
  if (summary === undefined) return markup``
  const isReference = peer === report.reference
  const comparison = isReference
    ? undefined
    : compare(report, metric, { peer: report.reference, against: peer })
  const { label, classes } = lookOf(peer)
  const at = (value: number): number => (full > 0 ? Math.min(Math.max(value / full, 0), 1) : 0)
  const isCut = summary.median > full
  const dots = isCut
    ? []
    : valuesOf(report, metric.id, peer)
        .filter(value => value <= full)
        .map(value => markup`<i style="left:${percent(at(value))}"></i>`)
  const notes = [
    formatRange(summary),
    isCut ? 'bar is cut' : '',
    comparison === undefined
      ? ''
      : comparison.outcome === 'even'
        ? `even with ${lookOf(report.reference).label}`
        : `${lookOf(report.reference).label} ${describeOutcome(comparison)}`,
  ].filter(text => text !== '')
  return markup`<div class="row ${classes}"><span class="name">${label}</span>
<span><b>${formatNumber(summary.median)}</b> <small>${pageText(notes.join(' · '))}</small></span>
<span class="track"><span class="bar ${isCut ? 'cut' : ''}" style="width:${percent(
    at(summary.median),
  )}"></span>${dots}</span></div>`
}
