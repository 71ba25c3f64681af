// The network of the lab: packets go in at a host, through links and NAT boxes, and come out at a
// host at a time. Sans-IO.

import type { Random } from './random.ts'
import type { LinkOptions, LinkPair, Milliseconds, NatOptions, NetworkSpec } from './spec.ts'

/** A packet that reached its host. The bytes belong to the caller. */
export interface Delivery {
  readonly host: string
  readonly packet: Uint8Array
  /** When it arrived; not later than the `now` of the poll. */
  readonly at: Milliseconds
}

/** Counters of one direction of a link since it was made. */
export interface LinkStats {
  packets: number
  bytes: number
  /** Dropped because the queue was full. */
  overflowed: number
  /** Random and burst loss. */
  lost: number
  tooLong: number
  /** While the link was down. */
  down: number
  /** Packets and bytes that wait at this moment. */
  queuedPackets: number
  queuedBytes: number
}

export interface NetworkStats {
  readonly links: Readonly<Record<string, { readonly up: LinkStats; readonly down: LinkStats }>>
  /** Mappings alive, by box. */
  readonly mappings: Readonly<Record<string, number>>
  /** Refused by a NAT, without a route, malformed. */
  readonly dropped: number
}

/** Drive it with `send`, then `poll` until undefined, then wait for `deadline()`. */
export class Network {
  readonly #spec: NetworkSpec

  /** Throws a RangeError that names what is wrong with the spec. */
  constructor(spec: NetworkSpec, _options: { readonly random: Random }) {
    this.#spec = spec
  }

  /** The bytes of an IP packet, which belong to the network from now on. */
  send(_host: string, _packet: Uint8Array, _now: Milliseconds): void {}

  poll(_now: Milliseconds): Delivery | undefined {
    return undefined
  }

  /** When to poll again; Infinity when nothing is on its way. */
  deadline(): Milliseconds {
    return Infinity
  }

  /** Replaces both directions, or the one that is given, of a host's or a box's uplink. */
  setLink(_name: string, _pair: Partial<LinkPair>, _now: Milliseconds): void {}

  /** The uplink's options as they are now. */
  link(_name: string): LinkPair {
    const none: LinkOptions = {}
    return { up: none, down: none }
  }

  /** New behaviour for a box; its mappings are forgotten. */
  setNat(_name: string, _options: NatOptions): void {}

  /** The box forgets its mappings: everybody behind it rebinds. */
  resetNat(_name: string): void {}

  /** A new address, and perhaps another box. What is on its way to the old one is lost. */
  moveHost(
    _name: string,
    _to: { readonly ip: string; readonly ip6?: string; readonly behind?: string | undefined },
  ): void {}

  stats(): NetworkStats {
    return { links: {}, mappings: {}, dropped: this.#spec.hosts.length }
  }
}
