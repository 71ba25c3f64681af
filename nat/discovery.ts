// The words of discovery: where to ask, what was answered, and what it says about a network.

import type { Address } from '../lib/address.ts'
import type { Candidate, NatProfile } from './types.ts'

/** Where to ask. */
export interface StunServer {
  readonly address: Address
  /** Another port of it that answers, too. Without it OTHER-ADDRESS is asked, one round later. */
  readonly otherPort?: number
  /** Ours: it answers from ports that were never asked, on request over the control channel. */
  readonly hasFilterTest?: boolean
}

/** One answered question. */
export interface NatSample {
  readonly socket: number
  /** The port of that socket; 0 where it is not known. */
  readonly localPort: number
  readonly server: Address
  readonly mapped: Address
  /** When it was sent, and when it was answered. Milliseconds of the caller's clock. */
  readonly sentAt: number
  readonly at: number
}

/** What became of one server. */
export interface ServerReport {
  readonly server: Address
  /** Undefined: no answer. */
  readonly mapped: Address | undefined
  readonly rttMs: number | undefined
  /** OTHER-ADDRESS, and which address of ours was seen there. */
  readonly other: Address | undefined
  readonly mappedAtOther: Address | undefined
  /** Why there is no answer, in words. */
  readonly problem: string | undefined
}

/** How far to believe a verdict. Undefined where there is none. */
export type Confidence = 'high' | 'low' | undefined

export interface Discovery {
  readonly profile: NatProfile
  readonly confidence: {
    readonly mapping: Confidence
    readonly filtering: Confidence
    readonly ports: Confidence
  }
  /** Host and server-reflexive ones of socket 0, best first. */
  readonly candidates: readonly Candidate[]
  readonly servers: readonly ServerReport[]
  readonly samples: readonly NatSample[]
  /** Shortest round trip to a server. */
  readonly rttMs: number | undefined
  /** How long it took. */
  readonly tookMs: number
}
