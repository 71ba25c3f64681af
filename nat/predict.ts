// Which ports a NAT will give next. Sequential ones are counted on from a sample, over all ports
// that others take meanwhile; random ones are drawn, each once. Sans-IO.

import type { PortAllocation } from './types.ts'

export type SequentialAllocation = Extract<PortAllocation, { type: 'sequential' }>

/** NATs give and guessers try 1,024 to 65,535; a port below belongs to a service. */
export const FIRST_PORT = 1024
const PORTS = 65_536 - FIRST_PORT

/** What a walk covers before it begins again, doubled each time: the first ones may be lost. */
const FIRST_WALK = 96
/**
 * Nobody counts the ports of others exactly: a walk begins so many deviations (of a Poisson
 * process) before the port that is expected.
 */
const DEVIATIONS = 4
/** And so many before that: the peer may have called before his sample was taken. */
const BEHIND = 24

/** The port `count` allocations after the sample; the one after 65,535 is 1,024. */
export function portAfter({ last, step }: SequentialAllocation, count: number): number {
  // What the peer says need not be whole.
  const offset = Math.round(last - FIRST_PORT + step * count) % PORTS
  return FIRST_PORT + ((offset + PORTS) % PORTS)
}

/** How many ports others have taken since the sample, as far as one knows. */
export function takenSince({ at, ratePerSecond }: SequentialAllocation, now: number): number {
  return (Math.max(0, ratePerSecond) * Math.max(0, now - at)) / 1000
}

/** A rate needs time to show; after too long nobody knows how often the count began anew. */
const RATE_AFTER_MS = 300
const RATE_UNTIL_MS = 60_000
/** More than a busy carrier's box gives away; the count went another way then. */
const MOST_PER_SECOND = 500

/** A later port of the same NAT tells where it is now, and how fast it goes. */
export function resampled(
  known: SequentialAllocation,
  seen: { readonly port: number; readonly at: number },
): SequentialAllocation {
  const { last, step, at, ratePerSecond } = known
  const fresh = { ...known, last: seen.port, at: seen.at }
  const elapsedMs = seen.at - at
  if (elapsedMs < RATE_AFTER_MS || elapsedMs > RATE_UNTIL_MS) return fresh
  const distance = (((seen.port - last) * Math.sign(step)) % PORTS) + PORTS
  // One of them was the sample itself.
  const taken = Math.max(0, (distance % PORTS) / Math.abs(step) - 1)
  const rate = (1000 * taken) / elapsedMs
  return { ...fresh, ratePerSecond: rate <= MOST_PER_SECOND ? rate : ratePerSecond }
}

/** Ports in the order in which they are worth a try; goes on for ever but never needs to. */
export function* portsAhead(allocation: SequentialAllocation, now: number): Generator<number> {
  const taken = takenSince(allocation, now)
  const first = 1 + Math.max(0, Math.floor(taken - DEVIATIONS * Math.sqrt(taken))) - BEHIND
  const uncertain = Math.ceil(2 * DEVIATIONS * Math.sqrt(taken))
  for (let width = FIRST_WALK + uncertain; ; width = Math.min(2 * width, PORTS)) {
    for (let count = 0; count < width; count++) yield portAfter(allocation, first + count)
  }
}

/** All ports of a range in random order, again and again. */
export function* portsIn(
  { first, size }: { readonly first: number; readonly size: number },
  random: () => number,
): Generator<number> {
  const lowest = Math.max(FIRST_PORT, Math.min(Math.round(first), 65_535))
  const ports = Array.from({ length: Math.min(size, 65_536 - lowest) }, (_, at) => lowest + at)
  if (ports.length === 0) return
  for (;;) {
    for (let left = ports.length; left > 0; left--) {
      const at = Math.floor(random() * left)
      const port = ports[at] ?? lowest
      ports[at] = ports[left - 1] ?? lowest
      ports[left - 1] = port
      yield port
    }
  }
}

/** Any port, none twice; at most as many as are asked for soon: what was drawn is remembered. */
export function* anyPorts(random: () => number): Generator<number> {
  const drawn = new Set<number>()
  while (drawn.size < PORTS) {
    const port = FIRST_PORT + Math.floor(random() * PORTS)
    if (drawn.has(port)) continue
    drawn.add(port)
    yield port
  }
}
