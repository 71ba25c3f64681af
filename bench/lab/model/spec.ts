// What a network of the lab is made of, in words. Hosts and boxes form a tree whose root is the
// internet: every node has one uplink, a box is what stands between its children and its uplink.
// Addresses of one realm (the internet, or the inside of one NAT) differ; those of two may repeat.

/** On the scale of `performance.now()`, or of a simulation's own clock. */
export type Milliseconds = number

/** One direction of a link. What is absent does not disturb: no delay, no loss, no bound. */
export interface LinkOptions {
  /** Each packet takes at least so long. */
  readonly delayMs?: Milliseconds
  /**
   * A packet takes up to so much longer. The extra delay wanders and never lets a packet overtake
   * another, as a busy radio does; `reorder` is for that.
   */
  readonly jitterMs?: Milliseconds
  /** Probability that a packet is lost on its way, after it took its share of the rate. */
  readonly loss?: number
  /**
   * Gilbert and Elliott's model: after each packet a good link turns bad with probability `enter`
   * and a bad one good with `leave`; a bad one loses packets with probability `loss`. A burst is
   * 1 / leave packets long on average.
   */
  readonly burst?: { readonly enter: number; readonly leave: number; readonly loss: number }
  /** With this probability a packet is held back so much longer, and those behind it overtake. */
  readonly reorder?: { readonly probability: number; readonly delayMs: Milliseconds }
  /** Probability that a packet arrives twice. */
  readonly duplicate?: number
  /** What passes in a second, IP headers included; queueBytes wait. */
  readonly rateBitsPerSecond?: number
  /**
   * Bytes that wait behind the packet that is being sent; the packet that does not fit is dropped.
   * Default 1,000 packets of 1,500 bytes, Linux's txqueuelen.
   */
  readonly queueBytes?: number
  /** Longest packet, in bytes. Longer ones are answered with 'fragmentation needed'. */
  readonly mtu?: number
  /** Packets that are too long vanish without the answer (a PMTU black hole). */
  readonly isMtuSilent?: boolean
  /** Nothing enters, and what waits in the queue is gone; what is on its way arrives. */
  readonly isDown?: boolean
}

/** `up` leads towards the internet. */
export interface LinkPair {
  readonly up: LinkOptions
  readonly down: LinkOptions
}

/** RFC 4787 §4.1 and §5. */
export type Dependence =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent'

/** Which external port a new mapping gets. All are taken from 1,024 to 65,535. */
export type PortAllocation =
  /** The inside port, or the next one that is free. */
  | { readonly type: 'preserving' }
  /** The one before plus `step`; other users of the box take `foreignPerSecond` ports too. */
  | { readonly type: 'sequential'; readonly step: number; readonly foreignPerSecond: number }
  | { readonly type: 'random' }
  /** Each inside address has a block of `size` ports (RFC 7422); random in there. */
  | { readonly type: 'random-in-block'; readonly size: number }

export interface NatOptions {
  readonly mapping: Dependence
  readonly filtering: Dependence
  readonly ports: PortAllocation
  /** A mapping, and the admission of a remote, live so long after the last packet. UDP and ICMP. */
  readonly lifeMs: Milliseconds
  /** The same before the remote has answered. Default lifeMs; Linux 30 s, some carriers 15 s. */
  readonly unansweredLifeMs?: Milliseconds
  /** TCP. Default 7,440,000 (RFC 5382 REQ-5). */
  readonly tcpLifeMs?: Milliseconds
  /** Packets from outside prolong a mapping too (RFC 4787 REQ-6). Default true, as Linux. */
  readonly isRefreshedInbound?: boolean
  /** Packets from inside to a public address of the box come back inside. */
  readonly hairpin: boolean
  readonly udpBlocked: boolean
  /** Public addresses, IPv4, at least one. */
  readonly pool: readonly string[]
  /**
   * `paired`: an inside address always has the same public one (RFC 4787 REQ-2). Default `paired`.
   */
  readonly pooling?: 'paired' | 'arbitrary'
  /**
   * Mappings that differ in their remote may share one external port, as Linux does. Needs
   * address-dependent or address-and-port-dependent mapping. Default false.
   */
  readonly sharesPorts?: boolean
  /** A new mapping beyond so many is refused. Default: no bound but the ports. */
  readonly maxMappings?: number
  /** Inside address that gets all that nobody asked for (a "DMZ host"), at the same port. */
  readonly exposedHost?: string
  /** Inside address at which the box forwards ports on request (NAT-PMP). Default: it does not. */
  readonly gateway?: string
  /**
   * A refused UDP packet takes its place in the table for unansweredLifeMs, as Linux's conntrack
   * lets it where the box itself would accept it: what goes out to that remote from that port then
   * gets another one. Default false.
   */
  readonly remembersRefused?: boolean
  /**
   * More refused UDP packets than this from one address within a second: all that the address
   * sends is dropped for blockMs. Default: no guard.
   */
  readonly floodGuard?: { readonly packetsPerSecond: number; readonly blockMs: Milliseconds }
}

export interface HostSpec {
  readonly name: string
  readonly ip: string
  readonly ip6?: string
  /**
   * How many leading bits of `ip` its neighbours have in common, as its device says it. Default 32:
   * the host knows of no neighbour.
   */
  readonly prefix?: number
  /** What it knows as its router, for asking it. Default: only a device that leads out. */
  readonly gateway?: string
  /** Name of a box. Absent: straight on the internet. */
  readonly behind?: string
}

export interface BoxSpec {
  readonly name: string
  /** Absent: a plain router (a link that several share). */
  readonly nat?: NatOptions
  readonly behind?: string
  /** Source of its ICMP errors towards the inside. Default: pool[0], or 192.0.0.8 (RFC 7600). */
  readonly ip?: string
}

export interface NetworkSpec {
  readonly hosts: readonly HostSpec[]
  readonly boxes?: readonly BoxSpec[]
  /** The uplink of each host or box, by name. Absent: nothing disturbs. */
  readonly links?: Readonly<Record<string, Partial<LinkPair>>>
  /** Routers of the internet between any two uplinks; each takes 1 from the TTL. Default 1. */
  readonly coreHops?: number
}
