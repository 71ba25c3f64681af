// The server half of a tcp proxy: a port of its own; every connection to it gets a work stream
// (frp-wire.md section 6.1).

import type { ProxyHost, ProxySpec, RunningProxy } from './host.ts'
import { userServer } from './user-connection.ts'

export async function startTcp(spec: ProxySpec, host: ProxyHost): Promise<RunningProxy> {
  const open = await host.listenTcp(spec.remotePort, userServer(spec, host))
  host.log.info(`tcp proxy listen port [${open.port}]`)
  return { remoteAddr: `:${open.port}`, close: () => open.close() }
}
