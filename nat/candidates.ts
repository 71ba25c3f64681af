// Which addresses of this machine are worth offering to a peer, and which of a peer's may be sent
// to: he is who he says, but his list may point at others.

import { canonicalIp, ipBytes } from './ip.ts'
import { addressScope } from './scope.ts'
import {
  MAX_CANDIDATES,
  type Candidate,
  type CandidateType,
  type NatProfile,
  type Offer,
} from './types.ts'
import type { PathKind } from './path/types.ts'
import type { Address } from '../lib/address.ts'

/** A network of an interface, e.g. 192.168.1.7 with 24. */
export interface LocalNetwork {
  readonly ip: string
  readonly prefixLength: number
}

/** An address of an interface, as `os.networkInterfaces()` has it. */
export interface InterfaceAddress {
  readonly name: string
  readonly ip: string
  readonly prefixLength: number
}

/** What `usableCandidates` needs to know of this side. */
export interface Surroundings {
  readonly networks: readonly LocalNetwork[]
  /** Never sent to. */
  readonly avoid: readonly Address[]
  /** IPs from which frps has seen the peer. */
  readonly observed: readonly string[]
  readonly hasIpv6: boolean
}

/** Lists longer than this are not even read to their end. */
const LONGEST_LIST = 4 * MAX_CANDIDATES
/** Machines with containers and virtual networks have dozens. */
const MAX_HOST_CANDIDATES = 12

/** Networks that lead to no other machine, or into a tunnel that may lead through frps again. */
const VIRTUAL = [
  /^(docker|veth|virbr|vmnet|vboxnet|lxc|lxd|cni|flannel|cali|podman|kube|vEthernet)/i,
  /^br-[0-9a-f]{12}$/,
  /^(tun|tap|utun|wg|zt|tailscale|ppp|ipsec|nebula|easytier)/i,
]

const PREFERENCE: Readonly<Record<CandidateType, number>> = {
  host: 0,
  mapped: 1,
  srflx: 2,
  prflx: 3,
  predicted: 4,
}

/**
 * The candidates of interfaces, for a socket on this port, the best ones first: no loopback, no
 * link-local, and no virtual network unless there is nothing else. At most 12.
 */
export function hostCandidates(
  addresses: readonly InterfaceAddress[],
  port: number,
): Candidate[] {
  const usable = addresses.filter(({ ip }) => {
    const scope = addressScope(ip)
    return scope === 'global' || scope === 'private' || scope === 'carrier'
  })
  // A modem's public address may be on ppp0.
  const real = usable.filter(
    ({ name, ip }) =>
      addressScope(ip) === 'global' || !VIRTUAL.some(pattern => pattern.test(name)),
  )
  const ips = (real.length > 0 ? real : usable).map(({ ip }) => canonicalIp(ip))
  return [...new Set(ips)]
    .slice(0, MAX_HOST_CANDIDATES)
    .map(ip => ({ type: 'host', address: { ip, port } }))
}

/**
 * The peer's candidates that may be sent to, the nearest first, each once, at most 32. Private
 * addresses only on a network of ours, or where frps has seen him; never loopback, link-local,
 * multicast, reserved addresses, or those to avoid.
 */
export function usableCandidates(
  candidates: readonly Candidate[],
  surroundings: Surroundings,
): Candidate[] {
  const usable = new Map<string, Candidate>()
  for (const candidate of candidates.slice(0, LONGEST_LIST)) {
    const ip = canonicalIp(candidate.address.ip)
    const address = { ip, port: candidate.address.port }
    const key = addressKey(address)
    // A forwarded port is the port that a STUN server sees: that anybody comes in there tells more.
    const isNews = !usable.has(key) || candidate.type === 'mapped'
    if (isNews && mayBeSentTo(address, surroundings)) {
      usable.set(key, { type: candidate.type, address })
    }
  }
  const rank = ({ type, address }: Candidate): number =>
    isOnNetwork(address.ip, surroundings.networks) ? -1 : PREFERENCE[type] ?? 9
  return [...usable.values()].sort((a, b) => rank(a) - rank(b)).slice(0, MAX_CANDIDATES)
}

/** Whether a peer may make us send a probe there. */
export function mayBeSentTo({ ip, port }: Address, surroundings: Surroundings): boolean {
  const { networks, avoid, observed, hasIpv6 } = surroundings
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return false
  if (avoid.some(one => one.port === port && canonicalIp(one.ip) === canonicalIp(ip))) return false
  switch (addressScope(ip)) {
    case 'global':
      return hasIpv6 || !ip.includes(':')
    case 'private':
    case 'carrier':
      return isOnNetwork(ip, networks) || observed.some(one => canonicalIp(one) === canonicalIp(ip))
    default:
      return false
  }
}

/**
 * The IPs on which ports may be guessed: where frps has seen the peer and where he says he is, but
 * no more than two, for each one halves the chance.
 */
export function guessableIps(
  { externalIps }: NatProfile,
  { observed, avoid }: Pick<Surroundings, 'observed' | 'avoid'>,
): string[] {
  const avoided = new Set(avoid.map(({ ip }) => canonicalIp(ip)))
  const said = new Set(externalIps.slice(0, LONGEST_LIST).map(canonicalIp))
  return observed
    .map(canonicalIp)
    .filter(ip => !ip.includes(':') && !avoided.has(ip) && (said.size === 0 || said.has(ip)))
    .filter(ip => !['unusable', 'loopback', 'link-local'].includes(addressScope(ip)))
    .slice(0, 2)
}

/**
 * A NAT that gives each remote another mapping, but keeps the port where it can: the peer's own
 * ports, on his public addresses.
 */
export function preservedCandidates(
  { candidates, profile }: Offer,
  surroundings: Surroundings,
): Candidate[] {
  if (profile.ports?.type !== 'preserving') return []
  const hosts = candidates.slice(0, LONGEST_LIST).filter(({ type }) => type === 'host')
  const ports = [...new Set(hosts.map(({ address }) => address.port))]
    .filter(port => Number.isInteger(port) && port >= 1024 && port <= 65_535)
    .slice(0, 2)
  return guessableIps(profile, surroundings).flatMap(ip =>
    ports.map(port => ({ type: 'predicted' as const, address: { ip, port } })),
  )
}

/** A gateway has promised to let everybody in there, from the internet. */
export function isOpenPort({ type, address }: Candidate): boolean {
  return type === 'mapped' && addressScope(address.ip) === 'global'
}

/**
 * Whether both may be in one network: the internet sees them at one address, or nobody knows where.
 */
export function mayBeTogether(
  local: NatProfile,
  remote: { readonly profile: NatProfile; readonly observed: readonly string[] },
): boolean {
  const ours = new Set(local.externalIps.map(canonicalIp))
  const theirs = [...remote.profile.externalIps.slice(0, LONGEST_LIST), ...remote.observed]
  return ours.size === 0 || theirs.length === 0 || theirs.some(ip => ours.has(canonicalIp(ip)))
}

/** What kind of path one to this address would be. */
export function pathKindOf({ ip }: Address, networks: readonly LocalNetwork[]): PathKind {
  if (isOnNetwork(ip, networks)) return 'lan'
  return ip.includes(':') ? 'v6' : 'v4'
}

export function isOnNetwork(ip: string, networks: readonly LocalNetwork[]): boolean {
  const bytes = ipBytes(ip)
  return bytes !== undefined && networks.some(network => contains(network, bytes))
}

export function addressKey({ ip, port }: Address): string {
  return `${ip} ${port}`
}

function contains({ ip, prefixLength }: LocalNetwork, address: Uint8Array): boolean {
  const network = ipBytes(ip)
  if (network?.length !== address.length || prefixLength < 1) return false
  for (let bit = 0; bit < prefixLength; bit += 8) {
    const mask = 0xff00 >>> Math.min(8, prefixLength - bit)
    const at = bit / 8
    if (((network[at] ?? 0) ^ (address[at] ?? 0)) & mask & 0xff) return false
  }
  return true
}
