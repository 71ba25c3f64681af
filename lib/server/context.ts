// What all clients of one server share, as it is handed down to the parts.

import type { Clock } from '../clock.ts'
import type { ServerConfig } from '../config/index.ts'
import type { Logger } from '../log.ts'
import type { ProxyNames } from './control.ts'
import type { NatHoles } from './natholes.ts'
import type { ServerEvents } from './status.ts'
import type { StunService } from './stun.ts'
import type { UserPorts } from './user-ports.ts'
import type { UserUdpPorts } from './user-udp-ports.ts'
import type { Visitors } from './visitors.ts'

export interface ServerContext {
  readonly config: ServerConfig
  readonly clock: Clock
  readonly log: Logger
  readonly names: ProxyNames
  readonly ports: UserPorts
  readonly udpPorts: UserUdpPorts
  /** The doors of all secret proxies. */
  readonly visitors: Visitors
  /** Between the two sides of xtcp proxies, where one of them is a real frp. */
  readonly natHoles: NatHoles
  readonly stun: StunService
  /** Of the token. */
  readonly key: Buffer
  readonly emit: <K extends keyof ServerEvents>(name: K, ...args: ServerEvents[K]) => void
}
