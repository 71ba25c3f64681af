// The server half of an stcp proxy: no port, but a door for visitors who know its secret
// (frp-wire.md section 6.6).

import { TunnelError } from '../errors.ts'
import type { ProxyHost, ProxySpec, RunningProxy } from './host.ts'
import { userServer } from './user-connection.ts'

export async function startStcp(spec: ProxySpec, host: ProxyHost): Promise<RunningProxy> {
  if (spec.secret === undefined) throw new TunnelError('PROXY_REFUSED', 'there is no secret')
  const door = host.openDoor(spec.secret, userServer(spec, host))
  host.log.info('stcp proxy custom listen success')
  return {
    remoteAddr: '',
    async close() {
      door.close()
    },
  }
}
