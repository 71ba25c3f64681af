// Which of two direct paths is the better one (nat-traversal.md §5.7). Pure.

import type { PathKind } from './types.ts'

/** A LAN costs nobody anything; IPv6 has no mapping that could be lost. */
const RANK: Readonly<Record<PathKind, number>> = { lan: 2, v6: 1, v4: 0 }

/** Within that, the kind decides. */
const EQUAL_WITHIN_MS = 3
/** A move costs a congestion window. Must be above EQUAL_WITHIN_MS, or two paths take turns. */
const MIN_GAIN_MS = 5
const MIN_GAIN = 0.1

export interface Measured {
  readonly kind: PathKind
  readonly rttMs: number
}

/** True where it is worth moving from `current` to `other`. Never true both ways. */
export function isWorthMoving(other: Measured, current: Measured): boolean {
  const gainMs = current.rttMs - other.rttMs
  if (gainMs >= Math.max(MIN_GAIN_MS, MIN_GAIN * current.rttMs)) return true
  return RANK[other.kind] > RANK[current.kind] && gainMs >= -EQUAL_WITHIN_MS
}

/** For choosing among several of which none is in use: the lowest is the best. */
export function scoreOf({ kind, rttMs }: Measured): number {
  return rttMs - RANK[kind] * EQUAL_WITHIN_MS
}
