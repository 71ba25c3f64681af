// Where the programs of a run stand: all on 127.0.0.1, or one network namespace for each host of
// the lab.

import type { LinkPair } from './links.ts'

/**
 * The user of the service; the machine of frps; that of frpc and the services, behind a NAT in the
 * lab; and one on a link like the client's, without NAT, where the services stand when there is no
 * tunnel.
 */
export type Role = 'user' | 'server' | 'client' | 'near'

export interface Site {
  readonly kind: 'loopback' | 'lab' | 'server'
  /** By which the others reach a host: four times 127.0.0.1 unless in the lab. */
  readonly addresses: Readonly<Record<Role, string>>
  /**
   * The command line that runs `argv` on that host. In the lab it ends in an exec, so the child's
   * pid is that of the program, and its stdio and IPC channel are passed on.
   */
  command(role: Role, argv: readonly [string, ...string[]]): readonly [string, ...string[]]
  /** Only in the lab. */
  readonly link?: LinkControl
}

/** What can be done to the lab's tunnel link while something runs over it. */
export interface LinkControl {
  readonly pair: LinkPair
  /** User to service and back with nothing on the way, in milliseconds: the direct path. */
  readonly roundTripMs: number
  /** frpc to frps and back, in milliseconds. */
  readonly tunnelRoundTripMs: number
  /** The NAT of the client forgets all mappings: the next packet gets a new port (a rebinding). */
  resetNat(): Promise<void>
  /** The client's NAT gets another public address, as when a phone changes its network. */
  moveClient(): Promise<void>
  /**
   * What was sent to the tunnel's link so far, both ways, by anybody, lost packets included: IP
   * packets and their bytes.
   */
  carried(): Promise<{ readonly packets: number; readonly bytes: number }>
  /** How late the lab delivered 99 of 100 packets so far, in milliseconds; 5 stands for more. */
  lateMs(): Promise<number>
  /** Until `change` is called with {}: options that differ from `pair`, in both directions. */
  change(options: { readonly isDown?: boolean; readonly loss?: number }): Promise<void>
}
