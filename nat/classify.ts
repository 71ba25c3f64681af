// What samples say about a network: pure. RFC 4787 has the words, RFC 5780 §4 the tests. A verdict
// orders what is tried and excludes nothing, so that a wrong one costs time only.

import { canonicalIp } from './ip.ts'
import { allocationOf, type PortSample } from './port-allocation.ts'
import { addressScope } from './scope.ts'
import type { Confidence, NatSample } from './discovery.ts'
import type { Dependence, NatProfile, PortAllocation } from './types.ts'

/** True: an answer came from there. False: it was sent and did not come. Undefined: not tested. */
export interface FilterEvidence {
  /** From a port of the server that was never asked. */
  readonly otherPort: boolean | undefined
  /** From an address that was never asked. */
  readonly otherIp: boolean | undefined
}

export interface Evidence {
  /** In the order in which they were sent. */
  readonly samples: readonly NatSample[]
  readonly filter: FilterEvidence
  readonly hairpin: boolean | undefined
  /** Addresses of this machine's interfaces. */
  readonly localIps: readonly string[]
  /** The gateway's own outer address, where port mapping knows it. */
  readonly gatewayIp?: string | undefined
}

export interface Verdict {
  readonly profile: NatProfile
  readonly confidence: {
    readonly mapping: Confidence
    readonly filtering: Confidence
    readonly ports: Confidence
  }
  /** Sockets disagree about the mapping: more of them should be asked. */
  readonly isDisputed: boolean
}

export function classify(evidence: Evidence): Verdict {
  const { samples, filter, hairpin, localIps, gatewayIp } = evidence
  const own = new Set(localIps.map(canonicalIp))
  const isOwn = ({ mapped }: NatSample): boolean => own.has(canonicalIp(mapped.ip))
  const ipv4 = samples.filter(({ mapped }) => !mapped.ip.includes(':'))
  const ipv6 = samples.filter(({ mapped }) => mapped.ip.includes(':'))
  // Without IPv4 it is the firewall of IPv6 that is looked at.
  const judged = ipv4.length > 0 ? ipv4 : ipv6
  const externalIps = [...new Set(judged.map(({ mapped }) => canonicalIp(mapped.ip)))]
  const isPublic = judged.length > 0 && judged.every(isOwn)
  const votes = isPublic ? [] : mappingVotes(judged)
  const translation = majority(votes)
  const isDisputed = new Set(votes.map(({ mapping }) => mapping)).size > 1
  const ports = translation === undefined ? undefined : portsOf(judged, translation)
  return {
    profile: {
      udp: samples.length > 0,
      mapping: isPublic ? 'none' : translation,
      filtering: filteringOf(filter),
      ports: ports?.allocation,
      externalIps,
      hairpin,
      carrier: isCarrier(externalIps, { isPublic, gatewayIp }),
      ipv6: ipv6.length > 0,
    },
    confidence: {
      mapping: isPublic ? 'high' : mappingConfidence(votes, isDisputed),
      filtering: filteringConfidence(filter),
      ports: ports?.confidence,
    },
    isDisputed,
  }
}

interface Vote {
  readonly mapping: Dependence
  /** Whether servers at two addresses were asked: one alone cannot tell "address-dependent". */
  readonly hasTwoIps: boolean
}

/** One of each socket that two server addresses have seen. */
function mappingVotes(samples: readonly NatSample[]): Vote[] {
  return grouped(samples, ({ socket }) => `${socket}`).flatMap((seen): Vote[] => {
    const places = new Map(seen.map(sample => [addressKey(sample.server), sample]))
    if (places.size < 2) return []
    const distinct = [...places.values()]
    const byIp = grouped(distinct, ({ server }) => canonicalIp(server.ip))
    const hasTwoIps = byIp.length > 1
    if (isOne(distinct)) return [{ mapping: 'endpoint-independent', hasTwoIps }]
    // Ports of one address agree, and addresses do not.
    const asked = byIp.filter(({ length }) => length > 1)
    const isByAddress = asked.length > 0 && asked.every(isOne)
    return [
      { mapping: isByAddress ? 'address-dependent' : 'address-and-port-dependent', hasTwoIps },
    ]
  })
}

function grouped(
  samples: readonly NatSample[],
  keyOf: (sample: NatSample) => string,
): NatSample[][] {
  const groups = new Map<string, NatSample[]>()
  for (const sample of samples) {
    const group = groups.get(keyOf(sample))
    if (group) group.push(sample)
    else groups.set(keyOf(sample), [sample])
  }
  return [...groups.values()]
}

function isOne(samples: readonly NatSample[]): boolean {
  return new Set(samples.map(({ mapped }) => addressKey(mapped))).size === 1
}

/** Of a draw the easier one: a NAT that keeps one mapping of some sockets can be dialled there. */
function majority(votes: readonly Vote[]): Dependence | undefined {
  const order: readonly Dependence[] = [
    'endpoint-independent',
    'address-dependent',
    'address-and-port-dependent',
  ]
  const count = (wanted: Dependence): number =>
    votes.filter(({ mapping }) => mapping === wanted).length
  let best: Dependence | undefined
  for (const one of order) {
    if (count(one) > (best === undefined ? 0 : count(best))) best = one
  }
  return best
}

function mappingConfidence(votes: readonly Vote[], isDisputed: boolean): Confidence {
  if (votes.length === 0) return undefined
  if (isDisputed) return 'low'
  const isHard = votes.some(({ mapping }) => mapping !== 'endpoint-independent')
  return isHard || votes.some(({ hasTwoIps }) => hasTwoIps) ? 'high' : 'low'
}

function filteringOf({ otherPort, otherIp }: FilterEvidence): Dependence | undefined {
  if (otherIp) return 'endpoint-independent'
  // Where no other address could ask, this is the least that is true.
  if (otherPort) return 'address-dependent'
  if (otherPort === undefined && otherIp === undefined) return undefined
  return 'address-and-port-dependent'
}

function filteringConfidence({ otherPort, otherIp }: FilterEvidence): Confidence {
  if (otherIp) return 'high'
  if (otherPort) return otherIp === false ? 'high' : 'low'
  if (otherPort === false) return 'high'
  return otherIp === false ? 'low' : undefined
}

function portsOf(
  samples: readonly NatSample[],
  mapping: Dependence,
): { allocation: PortAllocation; confidence: Confidence } | undefined {
  const known = new Set<string>()
  const mappings: PortSample[] = []
  for (const { socket, localPort, server, mapped, sentAt, at } of samples) {
    const key = {
      'endpoint-independent': `${socket}`,
      'address-dependent': `${socket} ${server.ip}`,
      'address-and-port-dependent': `${socket} ${addressKey(server)}`,
    }[mapping]
    if (known.has(key)) continue
    const isFirst = !known.has(`first ${socket}`)
    known.add(key)
    known.add(`first ${socket}`)
    // The NAT saw it on its way out.
    mappings.push({ localPort, port: mapped.port, at: (sentAt + at) / 2, isFirst })
  }
  return allocationOf(mappings)
}

/**
 * True for a second NAT behind the gateway. Undefined where nobody knows the gateway's address, and
 * the one that is known could be its own.
 */
function isCarrier(
  externalIps: readonly string[],
  { isPublic, gatewayIp }: { isPublic: boolean; gatewayIp: string | undefined },
): boolean | undefined {
  if (isPublic) return false
  if (gatewayIp === undefined || externalIps.length === 0) return undefined
  const scope = addressScope(gatewayIp)
  if (scope === 'carrier' || scope === 'private') return true
  return !externalIps.includes(canonicalIp(gatewayIp))
}

function addressKey({ ip, port }: { readonly ip: string; readonly port: number }): string {
  return `${canonicalIp(ip)} ${port}`
}
