// To which range an IP address belongs (the registries of RFC 6890), as far as it decides whether a
// stranger may make us send there.

import { ipBytes } from './ip.ts'

export type AddressScope =
  /** No host's: unspecified, multicast, broadcast, reserved, or one that stands for another. */
  | 'unusable'
  | 'loopback'
  | 'link-local'
  /** RFC 1918 and RFC 4193: what it means depends on where one is. */
  | 'private'
  /** RFC 6598: between homes and their carrier's NAT, and in overlay networks. */
  | 'carrier'
  | 'global'

export function addressScope(ip: string): AddressScope {
  const bytes = ipBytes(ip)
  if (!bytes) return 'unusable'
  return bytes.length === 4 ? scope4(bytes) : scope6(bytes)
}

function scope4([a = 0, b = 0]: Uint8Array): AddressScope {
  if (a === 127) return 'loopback'
  if (a === 0 || a >= 224) return 'unusable'
  if (a === 169 && b === 254) return 'link-local'
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return 'private'
  return a === 100 && b >= 64 && b < 128 ? 'carrier' : 'global'
}

function scope6(bytes: Uint8Array): AddressScope {
  const [a = 0, b = 0, c = 0, d = 0] = bytes
  if (bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15] === 1) return 'loopback'
  if (a === 0xfe && b >= 0x80 && b < 0xc0) return 'link-local'
  if (a === 0xfc || a === 0xfd) return 'private'
  // Global unicast is 2000::/3. Not those that a translator sends on to an IPv4 address of the
  // writer's choice: 6to4 (2002::/16) and Teredo (2001::/32).
  const isTranslated = a === 0x20 && (b === 2 || (b === 1 && c === 0 && d === 0))
  return a >= 0x20 && a < 0x40 && !isTranslated ? 'global' : 'unusable'
}
