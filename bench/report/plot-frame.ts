// The frame of a plot: axes, grid and tick labels around curves.
//
// The curves are an SVG that is stretched to the room there is, with strokes that are not
// stretched; the labels are text of the page. So a plot fills a phone and a desktop alike and its
// letters keep their size, without a script.

import { markup, type Markup } from './markup.ts'
import type { Scale } from './scale.ts'

/** The SVG's own units: both axes run from 0 to this. */
const SIDE = 1000

export interface Frame {
  readonly x: Scale
  readonly y: Scale
  /** What the axes show, with the unit; an empty text takes no room. */
  readonly xTitle: string
  readonly yTitle: string
  /** Class names that give the height: `tall` or `strip`. */
  readonly size: 'tall' | 'strip'
  /** Ticks of x without their numbers: another frame below has them. */
  readonly hidesX?: boolean
  /** Paths, in the units of `placed`. */
  readonly body: readonly Markup[]
  /** For those who do not see the plot. */
  readonly label: string
}

export function frame({ x, y, xTitle, yTitle, size, hidesX, body, label }: Frame): Markup {
  const rows = y.ticks.map(({ at }) => `M0 ${round((1 - at) * SIDE)}H${SIDE}`)
  const columns = x.ticks.map(({ at }) => `M${round(at * SIDE)} 0V${SIDE}`)
  return markup`<div class="frame ${size}" role="img" aria-label="${label}">
${yTitle === '' ? undefined : markup`<div class="y-title">${yTitle}</div>`}
<div class="y-ticks">${y.ticks.map(tick => {
    return markup`<span style="bottom:${percent(tick.at)}">${tick.label}</span>`
  })}</div>
<div class="area"><svg viewBox="0 0 ${SIDE} ${SIDE}" preserveAspectRatio="none" aria-hidden="true">
<path class="grid" d="${[...rows, ...columns].join('')}"/>
<path class="axis" d="M0 ${SIDE}H${SIDE}"/>
${body}</svg></div>
${
  hidesX === true
    ? undefined
    : markup`<div class="x-ticks">${x.ticks.map(tick => {
        return markup`<span style="left:${percent(tick.at)}">${tick.label}</span>`
      })}</div>`
}
${xTitle === '' ? undefined : markup`<div class="x-title">${xTitle}</div>`}
</div>`
}

export interface Point {
  /** 0..1 each; y grows upwards. */
  readonly x: number
  readonly y: number
}

/** The path of a line through points. */
export function linePath(points: readonly Point[]): string {
  return points.map((point, index) => `${index === 0 ? 'M' : 'L'}${placed(point)}`).join('')
}

/** A path of no length: with round caps it is a dot, which stretching leaves round. */
export function dotPath(point: Point): string {
  return `M${placed(point)}h0`
}

/** A vertical line through the whole plot. */
export function markPath(x: number): string {
  return `M${round(x * SIDE)} 0V${SIDE}`
}

/** A place on an axis for CSS: `12.34%`. */
export function percent(at: number): string {
  return `${Number((at * 100).toFixed(2))}%`
}

function placed({ x, y }: Point): string {
  return `${round(x * SIDE)} ${round((1 - y) * SIDE)}`
}

function round(value: number): number {
  return Number(value.toFixed(1))
}
