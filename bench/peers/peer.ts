// A peer is a program that is compared: it opens a tunnel for the services of one load process.

import type { ServicePorts } from '../load/messages.ts'
import type { Program } from '../process.ts'

/**
 * An open tunnel: the public doors of the services, and the two programs between them (none when
 * direct).
 */
export interface Tunnel {
  readonly ports: ServicePorts
  readonly programs: { readonly server: Program; readonly client: Program } | undefined
  /** Ends both programs and removes their files. Safe to call twice. */
  close(): Promise<void>
}

export interface Peer {
  readonly name: string
  /** One line for the header: which program, which version. */
  readonly description: string
  /** Throws, with the last lines of the program's log, when the tunnel does not come up. */
  open(services: ServicePorts): Promise<Tunnel>
}
