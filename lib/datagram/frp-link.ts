// A flow link towards a real frp: UDPPacket messages on a stream (frp-wire.md section 6.2).

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { FlowLink } from './flow.ts'

export interface FrpLinkOptions {
  /** After StartWorkConn (or NewVisitorConnResp), with its layers. Owned from the call on. */
  readonly stream: Duplex
  /**
   * `service`: the side of the local service, which pings; `user`: the server, or a visitor, which
   * ends the link after 60 s of silence and must never ping.
   */
  readonly side: 'service' | 'user'
  readonly clock: Clock
}

export function frpFlowLink(options: FrpLinkOptions): FlowLink {
  throw new Error(String(options))
}
