// What a round of punching would be for at this moment. Pure.

import type { Carrier } from './carrier.ts'
import type { Wish } from './rounds.ts'
import type { Routes } from './routes.ts'

/** A direct path this near is near enough (Tailscale 5 ms, iroh 10). */
const NEAR_MS = 10

/** Undefined where the other side cannot be told of a round. `isAwake`: somebody uses it. */
export function wishOf(
  routes: Routes,
  { used, doubt, isDirect }: Carrier,
  { isAwake }: { readonly isAwake: boolean },
): Wish | undefined {
  if (!routes.isRelayAlive() && (!isDirect || used.isLost)) return undefined
  if (isDirect && doubt === undefined && !used.isLost) {
    const isNear = used.kind === 'lan' || (used.rttMs ?? 0) <= NEAR_MS
    return { scope: 'plain', isTimed: !isNear && isAwake }
  }
  // Paths in reserve, or that wait for the end of a hold, need no other ones.
  const hasOther = routes.best({ without: used }) !== undefined
  return { scope: 'full', isTimed: !hasOther && isAwake }
}
