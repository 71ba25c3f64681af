// What the port mapper asks of a protocol, whichever it is.

import type { PortMapping, ProtocolReport } from './types.ts'

/** A machine that begins with asking whether the gateway speaks its protocol. */
export interface MappingClient<Output> {
  readonly report: ProtocolReport
  readonly mapping: PortMapping | undefined
  /** When `available`: asks for the mapping, and keeps it until `unmap`. */
  map(now: number): void
  /** Gives the mapping back; without one, nothing. */
  unmap(now: number): void
  /** True until the gateway has confirmed that, or has not answered for 2 s. */
  readonly isUnmapping: boolean
  poll(now: number): Output | undefined
  deadline(): number | undefined
}
