// Axes: where a value stands between the two ends of a plot (0..1), and which ticks a reader sees.

export interface Tick {
  /** 0..1, from the start of the axis to its end. */
  readonly at: number
  readonly label: string
}

export interface Scale {
  /** Values past an end of the axis stand at that end. */
  at(value: number): number
  readonly ticks: readonly Tick[]
}

/**
 * Without a tunnel a figure can be many times that of all tunnels. Past this ratio it is cut, and
 * the page says so, rather than make the others too small to compare.
 */
const CUT_FROM = 1.6

/** The end of a shared axis, from the largest value of each peer; `direct` may go beyond it. */
export function axisEnd(largest: readonly (readonly [peer: string, value: number])[]): number {
  const end = (pairs: typeof largest): number => Math.max(0, ...pairs.map(([, value]) => value))
  const tunnels = end(largest.filter(([peer]) => peer !== 'direct'))
  const all = end(largest)
  return tunnels > 0 && all > tunnels * CUT_FROM ? tunnels * 1.15 : all
}

/** From 0 to a round number that is not less than `max`, with about `count` steps. */
export function zeroScale(max: number, count = 4): Scale {
  const top = max > 0 ? max : 1
  const step = niceStep(top / count)
  const end = Math.ceil(top / step - 1e-9) * step
  return linear(0, end, step)
}

/** Round numbers around `min` and `max`; it need not begin at 0, so it is for no bar. */
export function rangeScale(min: number, max: number, count = 5): Scale {
  const width = max > min ? max - min : Math.max(Math.abs(max), 1)
  const step = niceStep(width / count)
  const start = Math.floor(min / step + 1e-9) * step
  const end = Math.ceil(max / step - 1e-9) * step
  return linear(start, end > start ? end : start + step, step)
}

/** From 0 to `end` itself, with round numbers on the way: for time, whose end is no choice. */
export function timeScale(end: number, count = 5): Scale {
  const top = end > 0 ? end : 1
  const step = niceStep(top / count)
  const { at } = linear(0, top, step)
  const values = Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, i) => i * step)
  return { at, ticks: values.map(value => ({ at: at(value), label: tickLabel(value) })) }
}

/** Ticks at 1, 2 and 5 of each decade; of many decades only the powers of ten. */
export function logScale(min: number, max: number): Scale {
  const candidates = [...decades(min, max)]
  const from = candidates.findLast(value => value <= min * 1.001) ?? min
  const to = candidates.find(value => value >= max * 0.999) ?? max
  const width = Math.log(to / from)
  const at = (value: number): number => clamp(Math.log(Math.max(value, from) / from) / width)
  const inside = candidates.filter(value => value >= from && value <= to)
  const shown = inside.length <= 8 ? inside : inside.filter(isPowerOfTen)
  return { at, ticks: shown.map(value => ({ at: at(value), label: tickLabel(value) })) }
}

/**
 * An axis of shares (0..1) that gives each further nine the same room: 90 %, 99 %, 99.9 %. What
 * hurts in a latency is in its slowest hundredth, which an even axis hides in the last pixel.
 *
 * `samples` is the size of the largest group; the axis ends where it has no more to say.
 */
export function shareScale(samples: number): Scale {
  const end = Math.min(Math.max(Math.log10(2 * samples), 2.15), 4.15)
  const at = (share: number): number => clamp(-Math.log10(Math.max(1 - share, 1e-9)) / end)
  const shares = [0, 0.5, 0.9, 0.99, 0.999, 0.9999].filter(share => -Math.log10(1 - share) < end)
  const label = (share: number): string => `${Number((share * 100).toFixed(2))} %`
  return { at, ticks: shares.map(share => ({ at: at(share), label: label(share) })) }
}

function linear(start: number, end: number, step: number): Scale {
  const at = (value: number): number => clamp((value - start) / (end - start))
  const steps = Math.round((end - start) / step)
  const values = Array.from({ length: steps + 1 }, (_, index) => start + index * step)
  return { at, ticks: values.map(value => ({ at: at(value), label: tickLabel(value) })) }
}

/** The smallest of 1, 2, 2.5, 4 and 5 times a power of ten that is not less than `rough`. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 2.5, 4, 5].find(one => one * power >= rough * 0.999) ?? 10
  return factor * power
}

function* decades(min: number, max: number): Generator<number> {
  const last = Math.ceil(Math.log10(max)) + 1
  for (let power = Math.floor(Math.log10(min)); power <= last; power++) {
    for (const factor of [1, 2, 5]) yield Number((factor * 10 ** power).toPrecision(1))
  }
}

function isPowerOfTen(value: number): boolean {
  return Math.abs(Math.log10(value) % 1) < 1e-9
}

function tickLabel(value: number): string {
  return String(Number(value.toPrecision(6)))
}

function clamp(at: number): number {
  return Math.min(Math.max(at, 0), 1)
}
