// What a NAT looks like from the addresses that a STUN server saw: frp's two classes and four
// behaviours (frp-wire.md section 7.3). Pure. It sees no filtering and no port allocation; nat/
// does, between two of ours.

import { isIPv4 } from 'node:net'
import type { Address } from '../address.ts'
import { TunnelError } from '../errors.ts'

export type NatBehavior =
  | 'BehaviorNoChange'
  | 'BehaviorIPChanged'
  | 'BehaviorPortChanged'
  | 'BehaviorBothChanged'

export interface NatFeature {
  /** `EasyNAT`: all servers saw one address. */
  readonly natType: 'EasyNAT' | 'HardNAT'
  readonly behavior: NatBehavior
  /** Between the largest and the smallest port; 0 unless only the port changes. */
  readonly portsDifference: number
  /** That difference is small enough to guess the next port. */
  readonly isRegular: boolean
  /** A mapped address is one of the machine's own. */
  readonly isPublic: boolean
}

/** frp's bound of what it calls regular. */
const REGULAR_DIFFERENCE = 5

/** Throws PROTOCOL_ERROR when fewer than two addresses are given; the text is for both peers. */
export function natFeature(
  mapped: readonly Address[],
  localIps: readonly string[],
): NatFeature {
  const [first] = mapped
  if (first === undefined || mapped.length < 2) {
    throw new TunnelError('PROTOCOL_ERROR', 'not enough addresses')
  }
  const isIpChanged = mapped.some(({ ip }) => ip !== first.ip)
  const isPortChanged = mapped.some(({ port }) => port !== first.port)
  const behavior = behaviorOf(isIpChanged, isPortChanged)
  const ports = mapped.map(({ port }) => port)
  const portsDifference =
    behavior === 'BehaviorPortChanged' ? Math.max(...ports) - Math.min(...ports) : 0
  return {
    natType: behavior === 'BehaviorNoChange' ? 'EasyNAT' : 'HardNAT',
    behavior,
    portsDifference,
    isRegular: portsDifference >= 1 && portsDifference <= REGULAR_DIFFERENCE,
    isPublic: mapped.some(({ ip }) => localIps.includes(ip)),
  }
}

function behaviorOf(isIpChanged: boolean, isPortChanged: boolean): NatBehavior {
  if (isIpChanged) return isPortChanged ? 'BehaviorBothChanged' : 'BehaviorIPChanged'
  return isPortChanged ? 'BehaviorPortChanged' : 'BehaviorNoChange'
}

/** An IPv4 address with a port, as frp writes it; undefined for anything else. */
export function parseHoleAddress(text: string): Address | undefined {
  const colon = text.indexOf(':')
  const ip = text.slice(0, colon)
  const digits = text.slice(colon + 1)
  if (colon < 0 || !isIPv4(ip) || !/^\d{1,5}$/.test(digits)) return undefined
  const port = Number(digits)
  return port >= 1 && port <= 65_535 ? { ip, port } : undefined
}

/**
 * Those of `texts` that are addresses, at most `limit`; in their order, and repeated as they are.
 */
export function parseHoleAddresses(texts: readonly string[], limit: number): Address[] {
  const found: Address[] = []
  for (const text of texts) {
    const address = parseHoleAddress(text)
    if (address !== undefined) found.push(address)
    if (found.length >= limit) break
  }
  return found
}
