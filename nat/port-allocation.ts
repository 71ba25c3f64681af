// How a NAT chooses the external ports of new mappings, from a handful of them (nat-traversal.md
// §1.3). Pure.

import type { Confidence } from './discovery.ts'
import type { PortAllocation } from './types.ts'

/** One new mapping, in the order of their making. */
export interface PortSample {
  /** 0 where it is not known. */
  readonly localPort: number
  readonly port: number
  /** When the NAT made it, about. Milliseconds. */
  readonly at: number
  /** The first mapping of its socket: a second one could not have the same port. */
  readonly isFirst: boolean
}

/** Fewer say nothing about the next one. */
const MIN_SAMPLES = 4
const SURE_SAMPLES = 12
/** Most of them must fit: others behind the NAT, and packets that overtake, spoil some. */
const MOST = 0.7
const MAX_STEP = 16
/** Ports that others may have taken between two of ours, in steps. */
const MAX_SKIPPED = 8
/** Beyond it a block is not told from all ports; carriers give 64 to 4,096. */
const MAX_BLOCK = 8_192
const MIN_PORT = 1_024
/** A rate needs some time to show. */
const MIN_RATE_MS = 100

export function allocationOf(
  samples: readonly PortSample[],
): { allocation: PortAllocation; confidence: Confidence } | undefined {
  const first = samples.filter(({ isFirst, localPort }) => isFirst && localPort !== 0)
  const kept = first.filter(({ localPort, port }) => localPort === port).length
  if (first.length > 0 && kept >= MOST * first.length) {
    // Two ports out of 64,000 are not the same by chance; one may be a coincidence of a forwarding.
    return { allocation: { type: 'preserving' }, confidence: kept > 1 ? 'high' : 'low' }
  }
  if (samples.length < MIN_SAMPLES) return undefined
  const confidence = samples.length >= SURE_SAMPLES ? 'high' : 'low'
  const allocation = sequence(samples) ?? block(samples) ?? { type: 'random' }
  return { allocation, confidence }
}

/** From one port to the next on the shorter way round. */
function difference(from: number, to: number): number {
  return ((to - from + 98_304) % 65_536) - 32_768
}

function sequence(samples: readonly PortSample[]): PortAllocation | undefined {
  const differences = samples
    .slice(1)
    .map(({ port }, index) => difference(samples[index]?.port ?? port, port))
  const fits = (step: number): boolean => {
    const fitting = differences.filter(difference => {
      const steps = difference / step
      return Number.isInteger(steps) && steps >= 1 && steps <= MAX_SKIPPED
    })
    return fitting.length >= MOST * differences.length
  }
  for (let size = MAX_STEP; size >= 1; size--) {
    const step = [size, -size].find(fits)
    if (step === undefined) continue
    const [begin] = samples
    const end = samples.at(-1)
    if (begin === undefined || end === undefined) return undefined
    return {
      type: 'sequential',
      step,
      last: end.port,
      at: end.at,
      ratePerSecond: foreignRate(samples, step),
    }
  }
  return undefined
}

/** Steps that were not ours, over the time between the first and the last sample. */
function foreignRate(samples: readonly PortSample[], step: number): number {
  let foreign = 0
  for (const [index, { port }] of samples.entries()) {
    const before = samples[index - 1]
    if (before === undefined) continue
    const steps = difference(before.port, port) / step
    // A packet that overtook another, or the end of the range.
    if (steps >= 1 && steps < 1_000) foreign += Math.floor(steps) - 1
  }
  const elapsedMs = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0)
  return elapsedMs < MIN_RATE_MS ? 0 : (foreign * 1_000) / elapsedMs
}

/**
 * A block of ports: an aligned power of two where the samples fill one, as carriers give them;
 * else what they span and somewhat more on either side.
 */
function block(samples: readonly PortSample[]): PortAllocation | undefined {
  const ports = samples.map(({ port }) => port)
  const low = Math.min(...ports)
  const high = Math.max(...ports)
  // Of a uniform block n samples span (n - 1) / (n + 1).
  const expected = ((high - low + 1) * (ports.length + 1)) / (ports.length - 1)
  if (expected > MAX_BLOCK) return undefined
  for (let size = 64; size <= 2 * expected; size *= 2) {
    const first = low - (low % size)
    if (high < first + size) return { type: 'random-in-block', first, size }
  }
  const margin = Math.ceil((high - low) * 0.3)
  const first = Math.max(MIN_PORT, low - margin)
  const last = Math.min(65_535, high + margin)
  return { type: 'random-in-block', first, size: last - first + 1 }
}
