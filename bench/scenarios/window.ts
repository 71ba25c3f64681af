// What the scenarios share: doors, and samples as values and plots.

import type { Direction, Door, PulseResult } from '../load/messages.ts'
import type { Tunnel } from '../peers/peer.ts'
import type { LatencyPlot, Place } from '../report/types.ts'
import { percentile } from '../stats.ts'

export const EVERYWHERE: readonly Place['kind'][] = ['loopback', 'lab', 'server']
/** Where a round trip takes its time. */
export const ON_A_LINK: readonly Place['kind'][] = ['lab', 'server']

/** A direction in titles: `down` and `up` would be taken for those of frpc's line. */
export const WAY: Readonly<Record<Direction, string>> = {
  down: 'to the user',
  up: 'from the user',
}

/** How long the answer to the last message is waited for. */
export const DRAIN_MS = 3000

export function doorOf({ host, ports }: Tunnel, service: 'source' | 'sink' | 'echo'): Door {
  return { host, port: ports[service] }
}

/**
 * Nearest-rank percentiles. An answer that never came counts with the time it was waited for at
 * least: it was no better than that.
 */
export function percentiles<Id extends string>(
  { samplesMs }: Pick<PulseResult, 'samplesMs'>,
  wanted: Readonly<Record<Id, number>>,
): Record<Id, number> {
  const waited = samplesMs.map(value => (Number.isFinite(value) ? value : DRAIN_MS))
  const entries = Object.entries<number>(wanted)
  // The keys are those of `wanted`, which Object.entries forgets.
  return Object.fromEntries(
    entries.map(([id, percent]) => [id, percentile(waited, percent)]),
  ) as Record<Id, number>
}

export function latencyPlot(
  id: string,
  title: string,
  { samplesMs }: Pick<PulseResult, 'samplesMs'>,
): LatencyPlot {
  return { kind: 'latency', id, title, samplesMs: [...samplesMs] }
}
