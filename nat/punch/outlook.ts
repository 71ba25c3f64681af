// What two offers promise besides a port that servers see: it decides how soon ports are guessed,
// and whether a pair of NATs that cannot be guessed is given up at once. Pure.

import { isOpenPort, mayBeTogether, pathKindOf, type LocalNetwork } from '../candidates.ts'
import type { Address } from '../../lib/address.ts'
import type { PathKind } from '../path/types.ts'
import type { Candidate, CandidateType, Offer } from '../types.ts'
import type { RemoteOffer } from './types.ts'

export interface Outlook {
  /** An open port on either side, IPv6, or one network. */
  readonly hasOtherWay: boolean
  /** Where our throw-away sockets call: what servers see of the peer, and his mapped port. */
  readonly callees: readonly Address[]
}

/** Each one takes a call of every throw-away socket. */
const MOST_CALLEES = 2

/** `usable`: the candidates of the peer that may be sent to. */
export function outlookOf(
  local: Offer,
  remote: RemoteOffer,
  usable: readonly Candidate[],
  networks: readonly LocalNetwork[],
): Outlook {
  const isTogether = mayBeTogether(local.profile, remote)
  const isOtherWay = ({ type, address }: Candidate): boolean => {
    const kind = pathKindOf(address, networks)
    return kind === 'v6' || (kind === 'lan' && isTogether) || type === 'mapped'
  }
  return {
    hasOtherWay: local.candidates.some(isOpenPort) || usable.some(isOtherWay),
    callees: usable
      .map(({ address }) => address)
      .filter(address => pathKindOf(address, networks) === 'v4')
      .slice(0, MOST_CALLEES),
  }
}

/**
 * Of a pair that is lost: whether a candidate is none of the other ways. Every second home has the
 * private addresses of this one.
 */
export function isUnlikely(
  { type, kind }: { readonly type: CandidateType; readonly kind: PathKind },
  local: Offer,
  remote: RemoteOffer,
): boolean {
  if (kind === 'v6' || type === 'mapped') return false
  return kind === 'v4' || !mayBeTogether(local.profile, remote)
}
