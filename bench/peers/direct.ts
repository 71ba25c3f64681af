// No tunnel: the user connects to the service. What the load, the kernel and the link can do at
// most; in the lab over a link like the client's, without NAT.

import type { Peer } from './peer.ts'

export function directPeer(): Peer {
  return {
    name: 'direct',
    description: 'no tunnel',
    transport: 'none',
    servicesAt: 'near',
    open: (site, services) =>
      Promise.resolve({
        host: site.addresses.near,
        ports: services,
        programs: undefined,
        close: () => Promise.resolve(),
      }),
  }
}
