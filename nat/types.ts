// What is known about a network between a program and the internet, and where a program can be
// reached: the words that discovery, punching and the doctor share (RFC 4787, RFC 8445).

import type { Address } from '../lib/address.ts'

/** RFC 4787 §4.1 and §5: of what the other side is, the mapping or the filter depends on. */
export type Dependence =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent'

/** How a NAT chooses the external port of a new mapping. */
export type PortAllocation =
  /** The inside port, unless it is taken. */
  | { readonly type: 'preserving' }
  /**
   * Each new mapping gets the last one plus `step`. `last` was seen at `at` (milliseconds, the
   * clock of who measured; as an age in messages); others behind the NAT take `ratePerSecond`.
   */
  | {
      readonly type: 'sequential'
      readonly step: number
      readonly last: number
      readonly at: number
      readonly ratePerSecond: number
    }
  /** Random within `size` ports from `first` on (RFC 7422). */
  | { readonly type: 'random-in-block'; readonly first: number; readonly size: number }
  /** Random over everything. */
  | { readonly type: 'random' }

/**
 * What was found out about a network. It orders what is tried and excludes nothing (RFC 5780 §2:
 * results are of the moment). Undefined: not known.
 */
export interface NatProfile {
  /** False when no server answered over UDP. */
  readonly udp: boolean
  /** `none`: the address that servers see is one of this machine's. */
  readonly mapping: 'none' | Dependence | undefined
  readonly filtering: Dependence | undefined
  readonly ports: PortAllocation | undefined
  /** All that servers have seen; more than one means a pool. */
  readonly externalIps: readonly string[]
  readonly hairpin: boolean | undefined
  /** A second NAT between the gateway and the internet. */
  readonly carrier: boolean | undefined
  readonly ipv6: boolean
}

/** Of a network that nobody has looked at. */
export const UNKNOWN_PROFILE: NatProfile = {
  udp: true,
  mapping: undefined,
  filtering: undefined,
  ports: undefined,
  externalIps: [],
  hairpin: undefined,
  carrier: undefined,
  ipv6: false,
}

/**
 * `host`: an address of an interface. `srflx`: seen by a server. `mapped`: by a port mapping of the
 * gateway. `prflx`: seen by the peer. `predicted`: guessed.
 */
export type CandidateType = 'host' | 'srflx' | 'mapped' | 'prflx' | 'predicted'

/** Where a peer may be reached. */
export interface Candidate {
  readonly type: CandidateType
  readonly address: Address
}

/** What one side tells the other before both punch. */
export interface Offer {
  /** At most MAX_CANDIDATES. */
  readonly candidates: readonly Candidate[]
  readonly profile: NatProfile
}

/** Most candidates of one side. */
export const MAX_CANDIDATES = 32
