// The server half of an xtcp proxy: its peers talk to each other; the server only introduces them
// (frp-wire.md section 7).

import { TunnelError } from '../errors.ts'
import type { ProxyHost, ProxySpec, RunningProxy } from './host.ts'

export async function startXtcp(spec: ProxySpec, host: ProxyHost): Promise<RunningProxy> {
  if (spec.secret === undefined) throw new TunnelError('PROXY_REFUSED', 'there is no secret')
  const rendezvous = host.openRendezvous(spec.secret)
  host.log.info('xtcp proxy nat hole listen success')
  return {
    remoteAddr: '',
    async close() {
      rendezvous.close()
    },
  }
}
