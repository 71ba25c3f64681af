// Chance as an argument: a seed brings every run back.

/** The next number, 0 <= x < 1. */
export type Random = () => number

/** Mulberry32: 32 bits of state, a period of 2^32. Two generators of one seed agree for ever. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** An integer, 0 <= x < below. */
export function randomBelow(random: Random, below: number): number {
  return Math.floor(random() * below)
}

/** How often something happens that happens `mean` times on average. */
export function poisson(random: Random, mean: number): number {
  // The product method costs `mean` draws; beyond 30 the normal distribution is as good.
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)))
  const floor = Math.exp(-mean)
  let count = -1
  for (let product = 1; product > floor; count++) product *= random()
  return Math.max(0, count)
}

/** Mean 0, deviation 1 (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
