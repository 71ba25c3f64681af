// What the client half of a proxy is given with a work stream, and what it gives back.

import type { Address } from '../address.ts'
import type { Logger } from '../log.ts'
import type { HoleNetwork, HoleSignalling } from '../nathole/index.ts'
import type { VisitorIntroduction } from '../wire/messages.ts'
import type { PacketWay } from './host.ts'

/** Whose connection it is, as the server told. */
export interface UserConnection {
  readonly source: Address | undefined
  readonly destination: Address | undefined
  /** Of a visitor whose key is for us to check. */
  readonly introduction?: VisitorIntroduction | undefined
}

export interface JoinOptions {
  /** Whether the server keeps an end in one direction apart from the other one. */
  readonly halfClose: boolean
  /** Its tags end with the name of the proxy. */
  readonly log: Logger
  /** For types that carry packets. */
  readonly packets: PacketWay
  /** For xtcp with a real frp. */
  readonly holes?: HoleAccess
}

/** What the owner needs to open holes for real visitors. */
export interface HoleAccess {
  readonly signalling: HoleSignalling
  readonly network: HoleNetwork
}

export interface Joined {
  /** Resolves when both sides are closed. Never rejects. */
  readonly ended: Promise<{ readonly bytesToLocal: number; readonly bytesToUser: number }>
}
