// A machine's network that finds out nothing by itself.

import type { PeerNetwork } from '../../lib/peer/index.ts'
import type { Offer } from '../../nat/index.ts'

/** `local`: what it offers; `takesGuessing`: a peer may guess ports. */
export function quietNetwork(local: Offer, takesGuessing: boolean): Omit<PeerNetwork, 'port'> {
  return {
    networks: [],
    avoid: [],
    serverRttMs: 30,
    offer: () => local,
    refresh: async () => local,
    sample: async () => local,
    takeGuessing: () => takesGuessing,
    onChange: () => () => {},
  }
}
