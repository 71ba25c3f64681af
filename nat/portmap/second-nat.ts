// Whether the gateway has the internet on its other side, or one more NAT.

import { ipBytes } from '../ip.ts'

/** RFC 1918, RFC 6598 (carriers), link-local, and what can be nobody's public address. */
export function isPublicIpv4(ip: string): boolean {
  const bytes = ipBytes(ip)
  if (bytes?.length !== 4) return false
  const [a = 0, b = 0, c = 0] = bytes
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false
  if (a === 100 && b >= 64 && b < 128) return false
  if (a === 169 && b === 254) return false
  if (a === 172 && b >= 16 && b < 32) return false
  // RFC 6333: between a home and the carrier's NAT where the line itself is IPv6 (DS-Lite).
  if (a === 192 && b === 0 && c === 0) return false
  return !(a === 192 && b === 168)
}

/** Of the addresses that carriers give to homes behind their NAT (RFC 6598, RFC 6333). */
export function isCarrierRange(ip: string): boolean {
  const [a, b = 0, c] = ipBytes(ip) ?? []
  return (a === 100 && b >= 64 && b < 128) || (a === 192 && b === 0 && c === 0)
}

/**
 * True when the gateway's own outer address is not the one that servers see. `observed`: what they
 * have seen; empty means that it is not known. Undefined: cannot be told.
 */
export function hasSecondNat(
  gatewayIp: string | undefined,
  observed: readonly string[],
): boolean | undefined {
  if (gatewayIp === undefined) return undefined
  if (!isPublicIpv4(gatewayIp)) return true
  // A pool or a VPN shows several addresses: one that fits is enough.
  return observed.length === 0 ? undefined : !observed.includes(gatewayIp)
}
