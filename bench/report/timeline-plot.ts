// A figure over time: a strip for each peer, all strips with the same axes, so that the eye can go
// down from one to the next. Rounds are thin lines; with several, their median is the thick one.

import { median } from '../stats.ts'
import { swatch } from './latency-plot.ts'
import { markup, type Markup } from './markup.ts'
import { capital, formatNumber, pageUnit } from './numbers.ts'
import { lookOf } from './peer-look.ts'
import { frame, linePath, markPath, percent } from './plot-frame.ts'
import { axisEnd, timeScale, zeroScale, type Scale } from './scale.ts'
import type { Series } from './types.ts'

export type TimelineSeries = Extract<Series, { kind: 'timeline' }>

/** `series` are those of one plot: one for each peer and round. */
export function timelinePlot(series: readonly TimelineSeries[]): Markup {
  const first = series[0]
  if (first === undefined) return markup``
  const seconds = Math.max(...series.map(({ stepMs, points }) => (stepMs * points.length) / 1000))
  const top = axisEnd(series.map(one => [one.peer, topOf(one)]))
  const scales = { x: timeScale(seconds), y: zeroScale(top, 3), end: top }
  const peers = [...new Set(series.map(({ peer }) => peer))]
  const strips = peers.map((peer, index) => {
    const own = series.filter(one => one.peer === peer)
    const isLast = index === peers.length - 1
    return strip(own, { ...scales, isLast, hasTexts: index === 0 })
  })
  return markup`<figure class="plot">
<figcaption>${capital(first.title)} <small>${pageUnit(first.unit)}</small></figcaption>
${strips}</figure>`
}

function topOf({ points }: TimelineSeries): number {
  return points.reduce((top, value) => (Number.isFinite(value) ? Math.max(top, value) : top), 0)
}

interface StripOptions {
  readonly x: Scale
  readonly y: Scale
  /** What goes beyond it is cut, and the strip says so. */
  readonly end: number
  /** The last strip has the numbers of the time axis. */
  readonly isLast: boolean
  /** One strip says what the marks mean. */
  readonly hasTexts: boolean
}

function strip(rounds: readonly TimelineSeries[], options: StripOptions): Markup {
  const { x, y, end, isLast, hasTexts } = options
  const first = rounds[0]
  if (first === undefined) return markup``
  const path = (points: readonly number[], stepMs: number): string =>
    linePath(
      points.flatMap((value, index) => {
        // The mean over a step stands in its middle.
        const at = ((index + 0.5) * stepMs) / 1000
        return Number.isFinite(value) ? [{ x: x.at(at), y: y.at(value) }] : []
      }),
    )
  const isSingle = rounds.length === 1
  const lines = rounds.map(({ points, stepMs }) => {
    return markup`<path class="curve ${isSingle ? '' : 'thin'}" d="${path(points, stepMs)}"/>`
  })
  const middle = isSingle
    ? undefined
    : markup`<path class="curve" d="${path(medians(rounds), first.stepMs)}"/>`
  const marks = first.marks ?? []
  const top = Math.max(...rounds.map(topOf))
  const cut =
    top > end ? markup` <small>beyond the axis, up to ${formatNumber(top)}</small>` : undefined
  const markLines = marks.map(({ atMs }) => markPath(x.at(atMs / 1000)))
  const texts = marks.map(({ atMs, text }) => {
    return markup`<span style="left:${percent(x.at(atMs / 1000))}">${text}</span>`
  })
  return markup`<div class="strip-box">
${hasTexts && marks.length > 0 ? markup`<div class="marks">${texts}</div>` : undefined}
<p class="strip-name">${swatch(first.peer)}${cut}</p>${frame({
    x,
    y,
    xTitle: isLast ? 'seconds' : '',
    yTitle: '',
    size: 'strip',
    hidesX: !isLast,
    body: [
      markup`<path class="mark" d="${markLines.join('')}"/>`,
      markup`<g class="${lookOf(first.peer).classes} always-whole">${lines}${middle}</g>`,
    ],
    label: `${first.title}, ${lookOf(first.peer).words}`,
  })}</div>`
}

/** The median over the rounds of each step, as far as all of them reach. */
function medians(rounds: readonly TimelineSeries[]): number[] {
  const steps = Math.min(...rounds.map(({ points }) => points.length))
  return Array.from({ length: steps }, (_, step) => {
    const values = rounds.flatMap(({ points }) => points[step] ?? []).filter(Number.isFinite)
    return values.length === 0 ? NaN : median(values)
  })
}
