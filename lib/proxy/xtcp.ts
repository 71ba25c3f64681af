// The server half of an xtcp proxy. Two peers of ours meet at its door, and what they say to each
// other passes as packets that only they can read, until they have a direct way (lib/peer). Where
// one of them is a real frp, the server introduces them, and they talk to each other from then on
// (frp-wire.md section 7).

import { TunnelError } from '../errors.ts'
import type { ProxyHost, ProxySpec, RunningProxy } from './host.ts'
import { packetServer } from './sudp.ts'

export async function startXtcp(spec: ProxySpec, host: ProxyHost): Promise<RunningProxy> {
  if (spec.secret === undefined) throw new TunnelError('PROXY_REFUSED', 'there is no secret')
  const rendezvous = host.openRendezvous(spec.secret)
  // A visitor of ours learns there who the owner is; a real owner has no packets for us.
  const door = host.openDoor(spec.secret, packetServer(spec, host))
  host.log.info('xtcp proxy nat hole listen success')
  return {
    remoteAddr: '',
    async close() {
      rendezvous.close()
      door.close()
    },
  }
}
