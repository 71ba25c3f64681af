// At which of its addresses an asker reaches this server: STUN tells it to real frpc, which asks
// there again. A server behind a 1:1 NAT, as clouds have it, cannot see its own public address; its
// clients can, since they dial it. Pure.

import { BlockList, isIP } from 'node:net'
import { addressScope } from '../../nat/index.ts'
import { isLoopback, isWildcard } from '../address.ts'

export interface OwnAddress {
  readonly ip: string
  readonly prefixLength: number
}

export interface ServerPlace {
  /** Of the interfaces. */
  readonly own: readonly OwnAddress[]
  readonly bindAddr: string
  /** From the config; empty: not said. */
  readonly publicAddr: string
  /** What clients have dialled, by IP version. */
  readonly dialled: { readonly 4: string | undefined; readonly 6: string | undefined }
}

/** Undefined where there is none of the asker's IP version. */
export function addressTowards(asker: string, place: ServerPlace): string | undefined {
  const version = versionOf(asker)
  const isUsable = (ip: string): boolean => isIP(ip) === version
  if (isLoopback(asker)) return version === 4 ? '127.0.0.1' : '::1'
  const { own, bindAddr, publicAddr, dialled } = place
  const neighbour = own.find(address => isUsable(address.ip) && isNeighbour(asker, address))
  if (neighbour) return neighbour.ip
  if (isUsable(publicAddr)) return publicAddr
  if (!isWildcard(bindAddr) && isUsable(bindAddr)) return bindAddr
  const candidates = own.map(({ ip }) => ip).filter(ip => isUsable(ip) && !isLoopback(ip))
  const reachable = candidates.find(ip => addressScope(ip) === 'global') ?? dialled[version]
  // Somebody of a private network that a router joins to ours.
  return reachable ?? candidates.find(ip => addressScope(ip) === 'private')
}

export function versionOf(ip: string): 4 | 6 {
  return ip.includes(':') ? 6 : 4
}

function isNeighbour(asker: string, { ip, prefixLength }: OwnAddress): boolean {
  if (isLoopback(ip)) return false
  const network = new BlockList()
  const type = versionOf(ip) === 4 ? 'ipv4' : 'ipv6'
  network.addSubnet(ip, prefixLength, type)
  return network.check(asker, type)
}
