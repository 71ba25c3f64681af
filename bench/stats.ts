// The few statistics that the bench prints. All functions leave their input as it is and refuse an
// empty one.

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  /** How many values there were. */
  readonly count: number
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: ArrayLike<number>): number {
  const sorted = ascending(values)
  const upper = sorted.length >> 1
  const high = sorted[upper] ?? NaN
  return sorted.length % 2 === 1 ? high : ((sorted[upper - 1] ?? NaN) + high) / 2
}

/**
 * Nearest-rank percentile: the smallest value that at least `percent` (0..100) of all do not
 * exceed.
 */
export function percentile(values: ArrayLike<number>, percent: number): number {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`percent ${percent} is not in 0..100`)
  const sorted = ascending(values)
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length))
  return sorted[rank - 1] ?? NaN
}

export function summarize(values: ArrayLike<number>): Summary {
  const sorted = ascending(values)
  return {
    median: median(sorted),
    min: sorted[0] ?? NaN,
    max: sorted[sorted.length - 1] ?? NaN,
    count: sorted.length
  }
}

function ascending(values: ArrayLike<number>): Float64Array {
  if (values.length === 0) throw new RangeError('no values')
  const copy = Float64Array.from(values)
  if (copy.some(Number.isNaN)) throw new RangeError('a value is not a number')
  return copy.sort()
}
