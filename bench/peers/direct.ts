// No tunnel: the user connects to the service. What the load process and the kernel can do at most.

import type { Peer } from './peer.ts'

export function directPeer(): Peer {
  return {
    name: 'direct',
    description: 'no tunnel',
    open: services =>
      Promise.resolve({ ports: services, programs: undefined, close: () => Promise.resolve() })
  }
}
