// The network of the lab: packets go in at a host, through links and NAT boxes, and come out at a
// host at a time. A late poll changes no time: what was due is done as of when it was due. Sans-IO.

import { icmpError, type IcmpProblem } from './build.ts'
import { Deadlines } from './deadlines.ts'
import { fragment } from './fragments.ts'
import type { LinkStats } from './link.ts'
import { NatBox, type MappingView } from './nat.ts'
import { Packet } from './packet.ts'
import type { Random } from './random.ts'
import type { LinkPair, Milliseconds, NatOptions, NetworkSpec } from './spec.ts'
import { ROUTER_IP6, Topology, type Node } from './topology.ts'

/** A packet that reached its host. The bytes belong to the caller. */
export interface Delivery {
  readonly host: string
  readonly packet: Uint8Array
  /** When it arrived; not later than the `now` of the poll. */
  readonly at: Milliseconds
}

/** What one neighbour sent to another, the router between them included: `home` to `server`. */
export interface WayStats {
  packets: number
  bytes: number
  /** Dropped because the way was cut. */
  cut: number
}

export interface NetworkStats {
  readonly links: Readonly<Record<string, { readonly up: LinkStats; readonly down: LinkStats }>>
  /** By `from>to`, names of two below the same box (or the internet), where anything went. */
  readonly ways: Readonly<Record<string, Readonly<WayStats>>>
  /** Mappings alive, by box. */
  readonly mappings: Readonly<Record<string, number>>
  /** What never entered a link: */
  readonly malformed: number
  /** refused by a NAT or a firewall, */
  readonly refused: number
  /** to an address that nobody has, */
  readonly unrouted: number
  /** out of hops. */
  readonly expired: number
}

/** Where a host goes. Without `behind` it stays behind its box; undefined is the internet. */
export interface Move {
  readonly ip: string
  readonly ip6?: string
  readonly prefix?: number
  readonly gateway?: string
  readonly behind?: string | undefined
}

interface Way extends WayStats {
  isCut: boolean
}

/** Drive it with `send`, then `poll` until undefined, then wait for `deadline()`. */
export class Network {
  readonly #topology: Topology
  readonly #random: Random
  readonly #coreHops: number
  readonly #deadlines: Deadlines
  readonly #nodes: readonly Node[]
  /** By the indices of both neighbours. */
  readonly #ways = new Map<number, Way>()
  readonly #counts = { malformed: 0, refused: 0, unrouted: 0, expired: 0 }

  /** RangeError that names what is wrong with the spec. */
  constructor(spec: NetworkSpec, { random }: { readonly random: Random }) {
    this.#topology = new Topology(spec, random)
    this.#random = random
    this.#coreHops = spec.coreHops ?? 1
    this.#nodes = [...this.#topology.nodes.values()]
    this.#deadlines = new Deadlines(2 * this.#nodes.length)
  }

  /** The bytes of an IP packet, which belong to the network from now on. */
  send(host: string, bytes: Uint8Array, now: Milliseconds): void {
    const node = this.#topology.host(host)
    const packet = Packet.parse(bytes)
    if (packet) this.#sendUp(node, packet, now)
    else this.#counts.malformed++
  }

  /** The next packet that has reached a host by now, in the order of arrival. */
  poll(now: Milliseconds): Delivery | undefined {
    const deadlines = this.#deadlines
    for (let at = deadlines.nextAt; at <= now && at < Infinity; at = deadlines.nextAt) {
      const number = deadlines.next
      const node = this.#nodes[number >>> 1]
      if (!node) return undefined
      const isUp = (number & 1) === 0
      const link = isUp ? node.up : node.down
      const packet = link.poll(at)
      deadlines.set(number, link.deadline())
      if (!packet) continue
      if (isUp) this.#fromBelow(node.parent ?? this.#topology.core, node, packet, at)
      else if (node.kind !== 'host') this.#fromAbove(node, packet, at)
      // A host that has moved does not get what was sent to its old address.
      else if (!node.addresses.includes(packet.destination)) this.#counts.unrouted++
      else return { host: node.name, packet: packet.bytes, at }
    }
    return undefined
  }

  /** When to poll again; Infinity when nothing is on its way. */
  deadline(): Milliseconds {
    return this.#deadlines.nextAt
  }

  /** Replaces the options of both directions, or of the one given, of somebody's uplink. */
  setLink(name: string, pair: Partial<LinkPair>, now: Milliseconds): void {
    const { up, down, index } = this.#topology.node(name)
    if (pair.up) up.configure(pair.up, now)
    if (pair.down) down.configure(pair.down, now)
    this.#deadlines.set(2 * index, up.deadline())
    this.#deadlines.set(2 * index + 1, down.deadline())
  }

  /** The options of an uplink as they are now. */
  link(name: string): LinkPair {
    const { up, down } = this.#topology.node(name)
    return { up: up.options, down: down.options }
  }

  /** New behaviour for a box, with the same or another pool; its mappings are forgotten. */
  setNat(name: string, options: NatOptions): void {
    const node = this.#topology.node(name)
    if (node.kind !== 'box') throw new RangeError(`"${name}" is not a box`)
    this.#topology.setNat(node, new NatBox(options, this.#random))
  }

  /** The box forgets its mappings: everybody behind it rebinds. */
  resetNat(name: string): void {
    this.#topology.nat(name).reset()
  }

  /**
   * Ends or restores the way between two neighbours, both directions at once, while all others
   * reach both: a peer's path breaks, and that to its server does not. What a NAT between them
   * hairpins goes another way. RangeError unless both are below the same box.
   */
  setCut(one: string, other: string, isCut: boolean): void {
    const [a, b] = [this.#topology.node(one), this.#topology.node(other)]
    if (a.parent !== b.parent) throw new RangeError(`"${one}" and "${other}" are no neighbours`)
    this.#way(a, b).isCut = isCut
    this.#way(b, a).isCut = isCut
  }

  /** The mappings of a box that are alive. */
  mappings(name: string, now: Milliseconds): MappingView[] {
    return this.#topology.nat(name).mappings(now)
  }

  /** A new address, perhaps behind another box. What is on its way to the old one is lost. */
  moveHost(name: string, to: Move): void {
    this.#topology.move(name, to)
  }

  stats(now: Milliseconds): NetworkStats {
    const links = this.#nodes.map(
      ({ name, up, down }) => [name, { up: up.stats(), down: down.stats() }] as const,
    )
    const mappings = this.#nodes.flatMap(({ name, nat }) =>
      nat ? [[name, nat.mappings(now).length] as const] : [],
    )
    const ways = [...this.#ways].map(([key, { packets, bytes, cut }]) => {
      const count = this.#nodes.length
      const [from, to] = [this.#nodes[Math.floor(key / count)], this.#nodes[key % count]]
      return [`${from?.name}>${to?.name}`, { packets, bytes, cut }] as const
    })
    return {
      links: Object.fromEntries(links),
      ways: Object.fromEntries(ways),
      mappings: Object.fromEntries(mappings),
      ...this.#counts,
    }
  }

  /** A packet from `from`, one of the node's children. */
  #fromBelow(node: Node, from: Node, packet: Packet, now: Milliseconds): void {
    const child = node.routes.get(packet.destination)
    // Behind one NAT is one LAN: no hop between its hosts.
    const hops = node.kind === 'core' ? this.#coreHops : node.nat && child ? 0 : 1
    if (!packet.decrementTtl(hops)) this.#expired(node, packet, now)
    else if (child) this.#cross(from, child, packet, now)
    else if (node.nat?.isGateway(packet)) this.#serve(node.nat, from, packet, now)
    else if (node.nat?.owns(packet.destination)) this.#hairpin(node.nat, node, from, packet, now)
    else this.#leave(node, packet, now)
  }

  #cross(from: Node, to: Node, packet: Packet, now: Milliseconds): void {
    const way = this.#way(from, to)
    if (way.isCut) {
      way.cut++
      return
    }
    way.packets++
    way.bytes += packet.length
    this.#sendDown(to, packet, now)
  }

  #way(from: Node, to: Node): Way {
    const key = from.index * this.#nodes.length + to.index
    const known = this.#ways.get(key)
    if (known) return known
    const way = { packets: 0, bytes: 0, cut: 0, isCut: false }
    this.#ways.set(key, way)
    return way
  }

  /** A packet from the node's uplink. */
  #fromAbove(node: Node, packet: Packet, now: Milliseconds): void {
    if (packet.decrementTtl(1)) this.#enter(node, packet, now)
    else this.#expired(node, packet, now)
  }

  #leave(node: Node, packet: Packet, now: Milliseconds): void {
    if (!node.parent) this.#counts.unrouted++
    else if (node.nat && !node.nat.outbound(packet, now)) this.#counts.refused++
    else this.#sendUp(node, packet, now)
  }

  #enter(node: Node, packet: Packet, now: Milliseconds): void {
    if (node.nat && !node.nat.inbound(packet, now)) {
      this.#counts.refused++
      return
    }
    const child = node.routes.get(packet.destination)
    if (child) this.#sendDown(child, packet, now)
    else this.#counts.unrouted++
  }

  /** A host asks its router for something. */
  #serve(nat: NatBox, from: Node, packet: Packet, now: Milliseconds): void {
    const answer = nat.serve(packet, now)
    if (answer === undefined) this.#counts.refused++
    else this.#sendDown(from, answer, now)
  }

  #hairpin(nat: NatBox, node: Node, from: Node, packet: Packet, now: Milliseconds): void {
    if (!nat.options.hairpin || !nat.outbound(packet, now) || !nat.inbound(packet, now)) {
      this.#counts.refused++
      return
    }
    const to = node.routes.get(packet.destination)
    if (!to) {
      this.#counts.unrouted++
      return
    }
    const way = this.#way(from, to)
    way.packets++
    way.bytes += packet.length
    this.#sendDown(to, packet, now)
  }

  #sendUp(node: Node, packet: Packet, now: Milliseconds): void {
    const verdict = node.up.send(packet, now)
    this.#deadlines.set(2 * node.index, node.up.deadline())
    if (verdict !== 'too-long') return
    const { mtu = 0, isMtuSilent } = node.up.options
    const pieces = fragment(packet, mtu)
    for (const piece of pieces) this.#sendUp(node, piece, now)
    // A host hears of its own uplink from the router behind it, over the other direction.
    const router = node.kind === 'host' ? node.parent : node
    if (pieces.length === 0 && !isMtuSilent && router) {
      this.#answer(router, packet, tooLong(mtu), now)
    }
  }

  #sendDown(child: Node, packet: Packet, now: Milliseconds): void {
    const verdict = child.down.send(packet, now)
    this.#deadlines.set(2 * child.index + 1, child.down.deadline())
    if (verdict !== 'too-long') return
    const { mtu = 0, isMtuSilent } = child.down.options
    const pieces = fragment(packet, mtu)
    for (const piece of pieces) this.#sendDown(child, piece, now)
    const router = child.parent
    if (pieces.length === 0 && !isMtuSilent && router) {
      this.#answer(router, packet, tooLong(mtu), now)
    }
  }

  #expired(node: Node, packet: Packet, now: Milliseconds): void {
    this.#counts.expired++
    this.#answer(node, packet, { type: 'time-exceeded' }, now)
  }

  /**
   * The node tells the sender about his packet. The packet may be translated already; the answer
   * then passes the same NAT the other way, and quotes what the sender knows.
   */
  #answer(node: Node, cause: Packet, problem: IcmpProblem, now: Milliseconds): void {
    // A NAT that was to take the packet in answers as whom it was sent to.
    const isOutside = node.nat?.owns(cause.destination) ?? false
    const router = cause.version === 6 ? ROUTER_IP6 : isOutside ? cause.destination : node.ip
    const answer = icmpError(cause, router, problem)
    if (!answer) return
    const child = node.routes.get(answer.destination)
    if (child) this.#sendDown(child, answer, now)
    else if (node.nat?.owns(answer.destination)) this.#enter(node, answer, now)
    else if (isOutside) this.#sendUp(node, answer, now)
    else this.#leave(node, answer, now)
  }
}

function tooLong(mtu: number): IcmpProblem {
  return { type: 'too-long', mtu }
}
