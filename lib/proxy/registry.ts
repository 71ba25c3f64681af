// The proxy types that this server can serve: one line a type.

import type { ProxyStarter } from './host.ts'
import { startStcp } from './stcp.ts'
import { startSudp } from './sudp.ts'
import { startTcp } from './tcp.ts'
import { startUdp } from './udp.ts'
import { startXtcp } from './xtcp.ts'

export const proxyStarters: Readonly<Record<string, ProxyStarter>> = {
  stcp: startStcp,
  sudp: startSudp,
  tcp: startTcp,
  udp: startUdp,
  xtcp: startXtcp,
}
