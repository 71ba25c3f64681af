// A peer is a program that is compared: it opens a tunnel for the services of one load.

import type { ServicePorts } from '../load/messages.ts'
import type { Program } from '../process.ts'
import type { Role, Site } from '../site.ts'

/**
 * An open tunnel: the public doors of the services, and the two programs between them (none when
 * direct).
 */
export interface Tunnel {
  /** Where the user finds the doors. */
  readonly host: string
  readonly ports: ServicePorts
  readonly programs: { readonly server: Program; readonly client: Program } | undefined
  /** Ends both programs and removes their files. Safe to call twice. */
  close(): Promise<void>
}

export interface Peer {
  readonly name: string
  /** One line for the header: which program, which version. */
  readonly description: string
  /** `none`: nothing is between the user and the service. */
  readonly transport: 'quic' | 'tcp' | 'kcp' | 'none'
  /** Only in the cases of suites that name it. */
  readonly isExtra?: boolean
  /** Where the services of the load have to stand: `near` when direct, else beside frpc. */
  readonly servicesAt: Role
  /**
   * `services` are the ports on the host `servicesAt`. Throws, with the last lines of the program's
   * log, when the tunnel does not come up.
   */
  open(site: Site, services: ServicePorts): Promise<Tunnel>
}
