// The tree of hosts and boxes, and who is found where. A router knows the addresses below it; all
// else it sends up. IPv4 addresses behind a NAT are unknown above it, its pool and all IPv6
// addresses are known up to the internet. Sans-IO.

import { keyOf, type IpKey } from './ip.ts'
import { Link } from './link.ts'
import { NatBox } from './nat.ts'
import type { Random } from './random.ts'
import type { BoxSpec, HostSpec, LinkPair, NetworkSpec } from './spec.ts'

export interface Node {
  readonly name: string
  readonly kind: 'core' | 'box' | 'host'
  /** Undefined for the core. */
  parent: Node | undefined
  /** The uplink. The core's are never used. */
  readonly up: Link
  readonly down: Link
  /** Its links are number 2 * index and 2 * index + 1. */
  readonly index: number
  nat: NatBox | undefined
  /** Of a host, its own; of a NAT, its pool. */
  addresses: IpKey[]
  /** Source of its ICMP errors over IPv4, towards the inside. */
  readonly ip: IpKey
  /** Children by address. */
  routes: Map<IpKey, Node>
}

/** The IPv4 dummy address (RFC 7600), and one of the documentation prefix (RFC 3849). */
const ROUTER_IP = keyOf('192.0.0.8')
export const ROUTER_IP6: IpKey = keyOf('2001:db8:ffff::1')

export class Topology {
  readonly core: Node
  /** By name; the core has none. */
  readonly nodes: ReadonlyMap<string, Node>
  readonly #random: Random

  /** RangeError that names what is wrong. */
  constructor(spec: NetworkSpec, random: Random) {
    this.#random = random
    this.core = this.#node({ name: 'internet', kind: 'core', index: 0, ip: ROUTER_IP })
    const nodes = new Map<string, Node>()
    this.nodes = nodes
    const add = (one: BoxSpec | HostSpec, kind: 'box' | 'host'): void => {
      if (nodes.has(one.name)) throw new RangeError(`two nodes are named "${one.name}"`)
      const links = spec.links?.[one.name]
      nodes.set(one.name, this.#node({ ...described(one, kind), kind, index: nodes.size, links }))
    }
    for (const box of spec.boxes ?? []) add(box, 'box')
    for (const host of spec.hosts) add(host, 'host')
    for (const { name, behind } of [...(spec.boxes ?? []), ...spec.hosts]) {
      this.node(name).parent = this.#parent(name, behind)
    }
    for (const name of Object.keys(spec.links ?? {})) this.node(name)
    this.route()
  }

  /** RangeError where there is none of the name. */
  node(name: string): Node {
    const node = this.nodes.get(name)
    if (!node) throw new RangeError(`no host and no box is named "${name}"`)
    return node
  }

  host(name: string): Node {
    const node = this.node(name)
    if (node.kind !== 'host') throw new RangeError(`"${name}" is not a host`)
    return node
  }

  /** The NAT of a box. */
  nat(name: string): NatBox {
    const { nat } = this.node(name)
    if (!nat) throw new RangeError(`"${name}" is not a NAT`)
    return nat
  }

  /** All or nothing: where the new place is impossible, the host stays at the old one. */
  move(
    name: string,
    to: { readonly ip: string; readonly ip6?: string; readonly behind?: string | undefined },
  ): void {
    const host = this.host(name)
    const { addresses, parent } = host
    const newAddresses = hostAddresses(to)
    if ('behind' in to) host.parent = this.#parent(name, to.behind)
    host.addresses = newAddresses
    try {
      this.route()
    } catch (error) {
      host.addresses = addresses
      host.parent = parent
      this.route()
      throw error
    }
  }

  /** All or nothing, like `move`. */
  setNat(node: Node, nat: NatBox): void {
    const { addresses, nat: before } = node
    node.addresses = nat.options.pool.map(keyOf)
    node.nat = nat
    try {
      this.route()
    } catch (error) {
      node.addresses = addresses
      node.nat = before
      this.route()
      throw error
    }
  }

  /** Finds all routes anew. RangeError where an address is taken, the routes are unfinished. */
  route(): void {
    const all = [this.core, ...this.nodes.values()]
    for (const node of all) node.routes = new Map()
    for (const node of all) {
      for (const address of node.addresses) announce(node, address)
    }
  }

  #parent(name: string, behind: string | undefined): Node {
    if (behind === undefined) return this.core
    const parent = this.node(behind)
    if (parent.kind !== 'box') throw new RangeError(`"${name}" is behind a host, "${behind}"`)
    for (let above: Node | undefined = parent; above; above = above.parent) {
      if (above.name === name) throw new RangeError(`"${name}" is behind itself`)
    }
    return parent
  }

  #node(described: Described): Node {
    const { links, nat, addresses = [], ...rest } = described
    const up = new Link(links?.up ?? {}, this.#random)
    const down = new Link(links?.down ?? {}, this.#random)
    const box = nat ? new NatBox(nat, this.#random) : undefined
    return { ...rest, up, down, nat: box, addresses, routes: new Map(), parent: undefined }
  }
}

interface Described extends Pick<Node, 'name' | 'kind' | 'index' | 'ip'> {
  readonly addresses?: IpKey[]
  readonly nat?: BoxSpec['nat']
  readonly links?: Partial<LinkPair> | undefined
}

function described(
  one: BoxSpec | HostSpec,
  kind: 'box' | 'host',
): Pick<Described, 'name' | 'ip' | 'addresses' | 'nat'> {
  const { name } = one
  if (kind === 'host' && one.ip !== undefined) {
    return { name, ip: keyOf(one.ip), addresses: hostAddresses({ ...one, ip: one.ip }) }
  }
  const nat = 'nat' in one ? one.nat : undefined
  const addresses = nat?.pool.map(keyOf) ?? []
  const ip = one.ip === undefined ? (addresses[0] ?? ROUTER_IP) : keyOf(one.ip)
  return nat ? { name, ip, addresses, nat } : { name, ip }
}

export function hostAddresses(host: { readonly ip: string; readonly ip6?: string }): IpKey[] {
  return host.ip6 === undefined ? [keyOf(host.ip)] : [keyOf(host.ip), keyOf(host.ip6)]
}

/** Tells everybody above who shall know. */
function announce(node: Node, address: IpKey): void {
  let child = node
  for (let above = node.parent; above; above = above.parent) {
    const other = above.routes.get(address)
    if (other) {
      throw new RangeError(`"${node.name}" and "${other.name}" have the same address`)
    }
    above.routes.set(address, child)
    if (above.nat && typeof address === 'number') return
    child = above
  }
}
