// What the program that opened a lab and the router's process say to each other.

import type { Move, NetworkStats } from './model/network.ts'
import type { LinkPair, NatOptions, NetworkSpec } from './model/spec.ts'

export interface Addresses {
  readonly ip: string
  readonly ip6?: string
  /** Of `ip`, in bits. Default 32. */
  readonly prefix?: number
  /** Its router's address. Default: only a device that leads out. */
  readonly gateway?: string
}

/** Where the router's process has its end of the channel. */
export const CHANNEL_FD = 3

/** One TUN device and the hosts of the network that live behind it. */
export interface DeviceInput {
  /** File of the network namespace. */
  readonly path: string
  /** The first one gets what comes from an unknown address. */
  readonly hosts: readonly (Addresses & { readonly name: string })[]
}

/** The first message to the router. */
export interface RouterInput {
  readonly spec: NetworkSpec
  readonly seed: number
  readonly devices: readonly DeviceInput[]
}

export type Command =
  | { readonly type: 'setLink'; readonly name: string; readonly pair: Partial<LinkPair> }
  | { readonly type: 'setNat'; readonly name: string; readonly options: NatOptions }
  | { readonly type: 'resetNat'; readonly name: string }
  | { readonly type: 'moveHost'; readonly name: string; readonly to: Move }
  | {
      readonly type: 'setCut'
      readonly one: string
      readonly other: string
      readonly isCut: boolean
    }
  | { readonly type: 'stats' }

export interface Request {
  readonly id: number
  readonly command: Command
}

export type Reply =
  /** Comes first: the devices exist, and packets pass. */
  | { readonly type: 'ready' }
  /** Comes last, but only when something went wrong. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'done'; readonly id: number; readonly stats?: LabStats }
  | { readonly type: 'refused'; readonly id: number; readonly message: string }

export interface LabStats {
  readonly network: NetworkStats
  readonly router: RouterStats
}

/** Counters since the lab was opened. */
export interface RouterStats {
  /** Packets taken from hosts, and given to hosts. */
  readonly taken: number
  readonly delivered: number
  /** Packets that a host's kernel did not take. */
  readonly refused: number
  /** How late packets were delivered, measured against the model. 5 ms stands for more, too. */
  readonly lateMs: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Processor time of the router's loop. */
  readonly cpuMs: number
  /** Whether the router goes before ordinary programs. Without it a busy machine makes it late. */
  readonly isRealtime: boolean
}
