// What punching is given and what it gives: options, datagrams, events.

import type { PeerRole, ProbeSession } from '../probe.ts'
import type { LocalNetwork } from '../candidates.ts'
import type { Offer } from '../types.ts'
import type { PathKind, PunchScope } from '../path/types.ts'
import type { Address } from '../../lib/address.ts'

/** The other side's offer, and what our own frps knows about it. */
export interface RemoteOffer extends Offer {
  /**
   * IP addresses from which frps itself has seen this peer, not long ago. Ports are guessed on
   * these only: nobody can send our spray to somebody else. Empty: no port is guessed.
   */
  readonly observed: readonly string[]
}

export interface PunchOptions {
  readonly role: PeerRole
  /** One for all rounds of a peer session: its counter must not begin again. */
  readonly session: ProbeSession
  /** Of this attempt; goes into the probes, modulo 256. Both sides count alike. */
  readonly round: number
  readonly local: Offer
  /** 0 <= x < 1. */
  readonly random: () => number
  /**
   * Round trip to frps, in milliseconds: about what a message to the peer takes over the relay.
   * The owner, who is told first, sends only openers for so long.
   */
  readonly serverRttMs: number
  /** Networks of this machine's interfaces: private candidates elsewhere are never sent to. */
  readonly networks?: readonly LocalNetwork[]
  /** Addresses of frps: never sent to, and no port is guessed on their IPs. */
  readonly avoid?: readonly Address[]
  /** `plain`: no ports are guessed. Default `full`. */
  readonly scope?: PunchScope
  readonly limits?: Partial<PunchLimits>
}

export interface PunchLimits {
  /** Throw-away sockets for guessing. Default 256: with 1,715 probes 99.9 % of all random NATs. */
  readonly sockets: number
  /** Datagrams to guessed ports in one round. Default 2,048. */
  readonly guesses: number
  /** Of guesses, and of first datagrams of throw-away sockets. Default 200. */
  readonly perSecond: number
  /** How long ports are guessed. Default 10,000. */
  readonly guessForMs: number
  /** TTL of openers, which shall leave our own NAT and not reach the other. Default 5. */
  readonly openerTtl: number
}

export interface PunchSend {
  /** 0: the socket that carries everything; others: the numbers given to `handleSockets`. */
  readonly socket: number
  readonly to: Address
  readonly data: Uint8Array
  /** Absent: the socket's own. */
  readonly ttl?: number
}

/** How a path was found. */
export type Technique =
  /** An address of an interface of the peer: in one LAN, or he has no NAT. */
  | 'host'
  /** The same over IPv6, through whatever firewalls. */
  | 'ipv6'
  /** A mapping that a gateway was asked for. */
  | 'mapped'
  /** The address that servers see, both sides sending. */
  | 'reflexive'
  /** An address that only showed in the peer's probe. */
  | 'peer-reflexive'
  /** A port foreseen. */
  | 'predicted'
  /** A port guessed in the peer's block, or among all. */
  | 'birthday'

/** Why a round ends without a path, for `frpc peers`. */
export type GaveUp =
  /** Neither side's next port can be foreseen or found. */
  | 'both networks choose ports at random'
  | 'one network chooses ports at random, the other a new one for each peer'
  /** The peer has no address that may be sent to. */
  | 'no usable address of the peer'
  | 'the peer has no UDP'
  | 'no UDP here'
  /** Everything was tried. */
  | 'no answer'
  /** Guessing needs leave: it is not to be done often, nor for two peers at once. */
  | 'ports were guessed a moment ago'

export type PunchEvent =
  /** Open so many throw-away sockets, and tell their numbers with `handleSockets`. */
  | { readonly type: 'open-sockets'; readonly count: number }
  /** They are not needed any more. Never those of a path. */
  | { readonly type: 'close-sockets'; readonly sockets: readonly number[] }
  /** May ports be guessed? Answered by `handleToken`. */
  | { readonly type: 'ask-token' }
  /**
   * Ask a server for a new sample of our port allocation, and give it with `handleLocal`; send it
   * to the peer as well. Of use to predictions; without an answer the old sample is used.
   */
  | { readonly type: 'resample' }
  /** Answered on the way there and back: it may carry QUIC. There may be better ones to come. */
  | {
      readonly type: 'path'
      readonly socket: number
      readonly remote: Address
      /** Where the peer sees us on it. */
      readonly mapped: Address
      readonly rttMs: number
      readonly kind: PathKind
      readonly technique: Technique
      readonly round: number
    }
  /**
   * Nothing more is expected of this round; a path may still come. `isHopeless`: another round will
   * end like this one while both networks are what they are.
   */
  | { readonly type: 'gave-up'; readonly reason: GaveUp; readonly isHopeless: boolean }
