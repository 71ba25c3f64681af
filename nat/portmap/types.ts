// What port mapping speaks of: a mapping that a gateway granted, and what became of each protocol.

import type { Address } from '../../lib/address.ts'

/** In the order of preference. */
export const MAPPING_PROTOCOLS = ['pcp', 'nat-pmp', 'upnp'] as const

export type MappingProtocol = (typeof MAPPING_PROTOCOLS)[number]

/** A UDP port of the gateway that leads to a port of this machine. */
export interface PortMapping {
  readonly protocol: MappingProtocol
  readonly internalPort: number
  /**
   * As the gateway sees it. Its ip may be private: then there is a second NAT, and the mapping only
   * opens the first one.
   */
  readonly external: Address
}

/**
 * `absent`: nobody answered in time. `refused`: the gateway speaks it and will not map (`reason`).
 * `available`: it would map. `lost`: it did.
 */
export type ProtocolPhase =
  | 'probing'
  | 'available'
  | 'mapping'
  | 'mapped'
  | 'absent'
  | 'refused'
  | 'lost'

/** What became of one protocol, for people. */
export interface ProtocolReport {
  readonly protocol: MappingProtocol
  readonly phase: ProtocolPhase
  /** Of `refused` and `lost`: in words, without values that the gateway chose. */
  readonly reason: string | undefined
  /** The gateway's own address on its other side. */
  readonly externalIp: string | undefined
}

/** Lease that is asked for, in seconds (RFC 6886 §3.3 recommends two hours); renewed at half. */
export const LEASE_SECONDS = 7200

/** How long a found mapping is trusted, and how long it is believed that there is none. */
export const TRUST_MS = 600_000
