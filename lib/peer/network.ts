// What a peer connection needs to know of the machine's network; who finds it out is resident in
// the client (discovery.ts, portmap.ts).

import type { LocalNetwork, Offer } from '../../nat/index.ts'
import type { Address } from '../address.ts'
import type { PeerPort } from './port.ts'

export interface PeerNetwork {
  /** Undefined where UDP sockets cannot be made: then there is nothing but the relay. */
  readonly port: PeerPort | undefined
  readonly networks: readonly LocalNetwork[]
  /** frps, which nobody is to be made to punch. */
  readonly avoid: readonly Address[]
  /** Round trip to frps. */
  readonly serverRttMs: number
  /** What is known now; its age is at most what a NAT mapping lives. */
  offer(): Offer
  /** Asks the servers again. Never rejects: what cannot be found out is not in the offer. */
  refresh(): Promise<Offer>
  /** Looks which port a counting NAT has reached; one round trip. Never rejects, as `refresh`. */
  sample(): Promise<Offer>
  /** Only one peer at a time may guess ports, and not often: NATs take it for an attack. */
  takeGuessing(peer: object): boolean
  /** The function ends it. */
  onChange(handler: (what: NetworkChange) => void): () => void
}

/**
 * `changed`: interfaces or addresses. `more`: there are candidates where there were none, or more.
 * `known`: what the NAT does was found out, the addresses are the same.
 */
export type NetworkChange = 'changed' | 'more' | 'known'
