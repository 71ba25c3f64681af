// The distribution of a latency: a cumulative curve for each peer, all rounds together, and the
// percentiles beside it as a table, which is the legend too.

import { markup, type Markup } from './markup.ts'
import { capital, formatNumber } from './numbers.ts'
import { lookOf } from './peer-look.ts'
import { dotPath, frame, linePath, type Point } from './plot-frame.ts'
import { logScale, rangeScale, shareScale, type Scale } from './scale.ts'
import type { Series } from './types.ts'

/** Points of a curve: more than a phone can show, and a small page. */
const CURVE_POINTS = 240

/** The worst of fewer samples than this would be called their 99th percentile. */
const SAMPLES_FOR_P99 = 100

const SHORT_NOTE = `Of fewer than ${SAMPLES_FOR_P99} samples the 99th percentile is the worst one.`

/** From this ratio between the slowest and the fastest sample on, the axis is logarithmic. */
const LOG_FROM = 5

interface Distribution {
  readonly peer: string
  /** Ascending; without the lost ones. */
  readonly sorted: Float64Array
  /** With the lost ones. */
  readonly count: number
}

export type LatencySeries = Extract<Series, { kind: 'latency' }>

/** `series` are those of one plot: one for each peer and round. */
export function latencyPlot(series: readonly LatencySeries[]): Markup {
  const distributions = pool(series)
  const measured = distributions.filter(({ sorted }) => sorted.length > 0)
  const title = capital(series[0]?.title ?? '')
  if (measured.length === 0) {
    return markup`<figure class="plot"><figcaption>${title}</figcaption>
<p class="note">No sample came back.</p></figure>`
  }
  const x = latencyScale(measured)
  const y = shareScale(Math.max(...measured.map(({ count }) => count)))
  const isShort = distributions.some(({ count }) => count < SAMPLES_FOR_P99)
  const hasLost = distributions.some(({ sorted, count }) => sorted.length < count)
  return markup`<figure class="plot"><figcaption>${title}</figcaption>
${frame({
  x,
  y,
  xTitle: 'milliseconds',
  yTitle: 'share of answers that took no longer',
  size: 'tall',
  body: measured.map(one => curve(one, x, y)),
  label: `${title}: cumulative distribution; the table below has its percentiles`,
})}
<table class="legend"><thead><tr><th>ms</th><th>p50</th><th>p90</th><th>p99</th><th>worst</th>
${hasLost ? markup`<th>lost</th>` : undefined}<th class="wide-only">samples</th></tr></thead>
<tbody>${distributions.map(one => legendRow(one, hasLost))}</tbody></table>
${isShort ? markup`<p class="note">${SHORT_NOTE}</p>` : undefined}</figure>`
}

function pool(series: readonly LatencySeries[]): Distribution[] {
  const byPeer = new Map<string, number[]>()
  for (const { peer, samplesMs } of series) {
    const samples = byPeer.get(peer) ?? []
    for (const sample of samplesMs) samples.push(sample)
    byPeer.set(peer, samples)
  }
  return [...byPeer].map(([peer, samples]) => {
    const sorted = Float64Array.from(samples.filter(Number.isFinite)).sort()
    return { peer, sorted, count: samples.length }
  })
}

function latencyScale(distributions: readonly Distribution[]): Scale {
  const lows = distributions.map(({ sorted }) => sorted[0] ?? Infinity)
  const highs = distributions.map(({ sorted }) => sorted.at(-1) ?? -Infinity)
  const [min, max] = [Math.max(Math.min(...lows), 1e-3), Math.max(...highs)]
  return max / min >= LOG_FROM ? logScale(min, max) : rangeScale(min, max)
}

function curve({ peer, sorted, count }: Distribution, x: Scale, y: Scale): Markup {
  // Sample i of n stands at (i + 1/2) / n: the last one is not 100 %, and the axis has an end.
  const shareOf = (index: number): number => (index + 0.5) / count
  const pointOf = (index: number): Point => {
    return { x: x.at(sorted[index] ?? 0), y: y.at(shareOf(index)) }
  }
  const points = [...chosen(sorted.length, count, y)].map(pointOf)
  const first = points[0]
  const start = first === undefined ? [] : [{ x: first.x, y: 0 }]
  const marks = [50, 99].flatMap(share => {
    const value = percentileOf({ peer, sorted, count }, share)
    if (value === undefined || value === Infinity) return []
    return dotPath({ x: x.at(value), y: y.at(share / 100) })
  })
  return markup`<g class="${lookOf(peer).classes}"><path class="curve" d="${linePath([
    ...start,
    ...points,
  ])}"/><path class="dot" d="${marks.join('')}"/></g>`
}

/** Indices of samples that stand about evenly on the axis of shares, with the first and last. */
function* chosen(samples: number, count: number, y: Scale): Generator<number> {
  let shown = -1
  for (let index = 0; index < samples; index++) {
    const slot = Math.floor(y.at((index + 0.5) / count) * CURVE_POINTS)
    if (slot === shown && index < samples - 1) continue
    shown = slot
    yield index
  }
}

/** Undefined where there are too few samples to tell; Infinity where that sample was lost. */
function percentileOf({ sorted, count }: Distribution, percent: number): number | undefined {
  if (count === 0 || (percent >= 99 && count < SAMPLES_FOR_P99)) return undefined
  const rank = Math.ceil((percent / 100) * count)
  return rank > sorted.length ? Infinity : sorted[rank - 1]
}

function legendRow(one: Distribution, hasLost: boolean): Markup {
  const { peer, sorted, count } = one
  const cell = (value: number | undefined): Markup => {
    const text = value === undefined ? '–' : value === Infinity ? 'lost' : formatNumber(value)
    return markup`<td>${text}</td>`
  }
  return markup`<tr><th scope="row">${swatch(peer)}</th>${[50, 90, 99].map(percent =>
    cell(percentileOf(one, percent)),
  )}${cell(sorted.at(-1))}${
    hasLost ? markup`<td>${count - sorted.length}</td>` : undefined
  }<td class="wide-only">${count}</td></tr>`
}

/** The name of a peer with a piece of its line. */
export function swatch(peer: string): Markup {
  const { label, classes } = lookOf(peer)
  return markup`<span class="swatch ${classes}"><svg viewBox="0 0 22 10" aria-hidden="true">
<path class="curve" d="M1 5H21"/></svg>${label}</span>`
}
