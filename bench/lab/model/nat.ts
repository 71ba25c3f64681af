// A NAT box for IPv4 (RFC 4787 for UDP, RFC 5382 for TCP, RFC 5508 for ICMP) that is also the
// firewall for IPv6. It translates packets in place; the way to it and from it is the network's.
// Sans-IO.

import { Firewall } from './firewall.ts'
import { Forwards } from './forwards.ts'
import { FragmentMemory } from './fragments.ts'
import { parseIpv4, formatIpv4 } from './ip.ts'
import { NatGuard } from './nat-guard.ts'
import { admit, touch, type MappedKind, type Mapping } from './nat-mapping.ts'
import { portChoice, type PortChoice } from './nat-ports.ts'
import { MappingTable, type Endpoint } from './nat-table.ts'
import { UDP, type Packet } from './packet.ts'
import { randomBelow, type Random } from './random.ts'
import type { Dependence, Milliseconds, NatOptions } from './spec.ts'

/** A mapping as people read it. */
export interface MappingView {
  readonly kind: MappedKind
  readonly inside: { readonly ip: string; readonly port: number }
  readonly outside: { readonly ip: string; readonly port: number }
  readonly expiresAt: Milliseconds
}

export class NatBox {
  readonly options: NatOptions
  readonly #random: Random
  readonly #pool: readonly number[]
  readonly #ports: PortChoice
  #forwards: Forwards
  #firewall: Firewall
  #guard: NatGuard
  #table: MappingTable
  /** The public address of an inside one. */
  readonly #pairs = new Map<number, number>()
  #fragments = new FragmentMemory()

  /** RangeError where the options contradict themselves. */
  constructor(options: NatOptions, random: Random) {
    if (options.pool.length === 0) throw new RangeError('a NAT needs a public address')
    if (options.sharesPorts && options.mapping === 'endpoint-independent') {
      throw new RangeError('ports are shared by mappings that depend on the remote only')
    }
    this.options = options
    this.#random = random
    this.#pool = options.pool.map(parseIpv4)
    this.#ports = portChoice(options.ports, random)
    this.#forwards = new Forwards(options)
    this.#firewall = new Firewall(options)
    this.#guard = new NatGuard(options)
    this.#table = tableOf(options)
  }

  /** Whether the address is one of the pool. */
  owns(ip: number | string): boolean {
    return typeof ip === 'number' && this.#pool.includes(ip)
  }

  /** Whether the packet, of somebody inside, is for the box itself. */
  isGateway(packet: Packet): boolean {
    return this.#forwards.isGateway(packet)
  }

  /** The box's answer to such a packet. */
  serve(packet: Packet, now: Milliseconds): Packet | undefined {
    const isFree = (ip: number, port: number): boolean =>
      this.#table.isFree({ kind: 'udp', ip, port }, 0, now) && !this.#forwards.has(ip, port, now)
    return this.#forwards.serve(packet, isFree, now)
  }

  /** From the inside: the packet has its outside source now. False: it is dropped. */
  outbound(packet: Packet, now: Milliseconds): boolean {
    if (this.#isBlocked(packet)) return false
    if (packet.version === 6) return this.#firewall.outbound(packet, now)
    switch (packet.kind) {
      case 'tcp':
      case 'udp':
      case 'icmp':
        return this.#sendOut(packet, packet.kind, now)
      case 'icmp-error':
        return this.#errorOut(packet, now)
      case 'fragment':
        return this.#fragments.translate(packet, 'out')
      case 'other':
        return false
      default:
        return packet.kind satisfies never
    }
  }

  /** From the outside: the packet has its inside destination now. False: it is dropped. */
  inbound(packet: Packet, now: Milliseconds): boolean {
    if (this.#isBlocked(packet)) return false
    if (packet.version === 6) return this.#firewall.inbound(packet, now)
    switch (packet.kind) {
      case 'tcp':
      case 'udp':
      case 'icmp':
        return this.#takeIn(packet, packet.kind, now)
      case 'icmp-error':
        return this.#errorIn(packet, now)
      case 'fragment':
        return this.#fragments.translate(packet, 'in')
      case 'other':
        return false
      default:
        return packet.kind satisfies never
    }
  }

  /** Forgets all mappings, as a box that was switched off and on; its port counter goes on. */
  reset(): void {
    this.#table = tableOf(this.options)
    this.#forwards = new Forwards(this.options)
    this.#firewall = new Firewall(this.options)
    this.#guard = new NatGuard(this.options)
    this.#fragments = new FragmentMemory()
  }

  /** Those that are alive, oldest first. */
  mappings(now: Milliseconds): MappingView[] {
    return this.#table.alive(now).map(({ kind, expiresAt, ...ends }) => ({
      kind,
      inside: { ip: formatIpv4(ends.insideIp), port: ends.insidePort },
      outside: { ip: formatIpv4(ends.outsideIp), port: ends.outsidePort },
      expiresAt,
    }))
  }

  #isBlocked({ kind, protocol }: Packet): boolean {
    return this.options.udpBlocked && (kind === 'udp' || protocol === UDP)
  }

  #sendOut(packet: Packet, kind: MappedKind, now: Milliseconds): boolean {
    if (this.#forwards.takeOut(packet, now)) return true
    const remoteIp = Number(packet.destination)
    const remotePort = kind === 'icmp' ? 0 : packet.destinationPort
    const { mapping: dependence, filtering } = this.options
    const key = dependenceKey(dependence, remoteIp, remotePort)
    const inside = { kind, ip: Number(packet.source), port: packet.sourcePort }
    const usual = this.#table.fromInside(inside, key, now) ?? this.#map(inside, key, now)
    const mapping = usual && this.#besideTaken(usual, { ip: remoteIp, port: remotePort }, now)
    if (!mapping) return false
    const admission = admit(mapping, dependenceKey(filtering, remoteIp, remotePort))
    touch(mapping, admission, { packet, direction: 'out', now }, this.options)
    this.#fragments.note(packet, 'out', mapping.outsideIp)
    packet.rewriteSource(mapping.outsideIp, mapping.outsidePort)
    return true
  }

  #takeIn(packet: Packet, kind: MappedKind, now: Milliseconds): boolean {
    const remoteIp = Number(packet.source)
    const remotePort = kind === 'icmp' ? 0 : packet.sourcePort
    const outside = { kind, ip: Number(packet.destination), port: packet.destinationPort }
    if (kind === 'udp' && this.#guard.isBlocked(remoteIp, now)) return false
    if (this.#forwards.takeIn(packet, now)) return true
    const mapping =
      this.#admitting(outside, remoteIp, remotePort, now) ??
      this.#expose(outside, remoteIp, remotePort, now)
    if (!mapping) {
      const remote = { ip: remoteIp, port: remotePort }
      if (kind === 'udp') this.#guard.handleRefused(outside.port, remote, now)
      return false
    }
    const admission = admit(
      mapping,
      dependenceKey(this.options.filtering, remoteIp, remotePort),
    )
    if (this.options.isRefreshedInbound === false && admission.expiresAt > now) {
      admission.isAnswered = true
    } else {
      touch(mapping, admission, { packet, direction: 'in', now }, this.options)
    }
    this.#fragments.note(packet, 'in', mapping.insideIp)
    packet.rewriteDestination(mapping.insideIp, mapping.insidePort)
    return true
  }

  /** An error about a packet that came in: it quotes the inside endpoint as destination. */
  #errorOut(packet: Packet, now: Milliseconds): boolean {
    const quoted = packet.quoted()
    const kind = quoted && mappedKind(quoted)
    if (!quoted || !kind) return false
    const remotePort = kind === 'icmp' ? 0 : quoted.sourcePort
    const key = dependenceKey(this.options.mapping, Number(quoted.source), remotePort)
    const inside = { kind, ip: Number(quoted.destination), port: quoted.destinationPort }
    const mapping = this.#table.fromInside(inside, key, now)
    if (!mapping) return false
    quoted.rewriteDestination(mapping.outsideIp, mapping.outsidePort)
    packet.rewriteSource(mapping.outsideIp, 0)
    packet.refreshIcmpChecksum()
    return true
  }

  /** An error about a packet that went out: it quotes the outside endpoint as source. */
  #errorIn(packet: Packet, now: Milliseconds): boolean {
    const quoted = packet.quoted()
    const kind = quoted && mappedKind(quoted)
    if (!quoted || !kind) return false
    const remotePort = kind === 'icmp' ? 0 : quoted.destinationPort
    const outside = { kind, ip: Number(quoted.source), port: quoted.sourcePort }
    const mapping = this.#admitting(outside, Number(quoted.destination), remotePort, now)
    if (!mapping) return false
    quoted.rewriteSource(mapping.insideIp, mapping.insidePort)
    packet.rewriteDestination(mapping.insideIp, 0)
    packet.refreshIcmpChecksum()
    return true
  }

  /** The mapping through which this remote may come in. */
  #admitting(
    outside: Endpoint,
    remoteIp: number,
    remotePort: number,
    now: Milliseconds,
  ): Mapping | undefined {
    const { mapping: dependence, filtering } = this.options
    const key = dependenceKey(dependence, remoteIp, remotePort)
    // One who was never sent to may still come in where the filtering is looser than the mapping.
    const mapping =
      this.#table.fromOutside(outside, key, now) ?? this.#table.newest(outside, now)
    const admission = mapping?.admissions.get(dependenceKey(filtering, remoteIp, remotePort))
    return admission && admission.expiresAt > now ? mapping : undefined
  }

  /** Where a refused packet of the remote has the mapping's place, one for this remote alone. */
  #besideTaken(
    usual: Mapping,
    remote: { readonly ip: number; readonly port: number },
    now: Milliseconds,
  ): Mapping | undefined {
    if (!this.options.remembersRefused || usual.kind !== 'udp') return usual
    const inside = { kind: usual.kind, ip: usual.insideIp, port: usual.insidePort }
    const key = dependenceKey('address-and-port-dependent', remote.ip, remote.port)
    const own = this.#table.fromInside(inside, key, now)
    if (own || !this.#guard.isTaken(usual.outsidePort, remote, now)) return own ?? usual
    return this.#map(inside, key, now, port => this.#guard.isTaken(port, remote, now))
  }

  #map(
    inside: Endpoint,
    remoteKey: number,
    now: Milliseconds,
    isTaken: (port: number) => boolean = () => false,
  ): Mapping | undefined {
    this.#table.sweep(now)
    const { maxMappings = Infinity } = this.options
    if (this.#table.count >= maxMappings) return undefined
    const { kind } = inside
    const outsideIp = this.#publicAddress(inside.ip)
    const isFree = (port: number): boolean =>
      this.#table.isFree({ kind, ip: outsideIp, port }, remoteKey, now) &&
      !this.#forwards.has(outsideIp, port, now) &&
      !isTaken(port)
    const wish = { insideIp: inside.ip, insidePort: inside.port, isFree }
    const outsidePort = this.#ports.allocate(wish, now)
    if (outsidePort === undefined) return undefined
    return this.#table.add(inside, { kind, ip: outsideIp, port: outsidePort }, remoteKey)
  }

  /** The exposed host gets what nobody has asked for. */
  #expose(
    outside: Endpoint,
    remoteIp: number,
    remotePort: number,
    now: Milliseconds,
  ): Mapping | undefined {
    const { exposedHost, mapping: dependence } = this.options
    if (exposedHost === undefined) return undefined
    const remoteKey = dependenceKey(dependence, remoteIp, remotePort)
    const inside = { kind: outside.kind, ip: parseIpv4(exposedHost), port: outside.port }
    const known = this.#table.fromOutside(outside, remoteKey, now)
    if (known) return known.insideIp === inside.ip ? known : undefined
    if (!this.#table.isFree(outside, remoteKey, now)) return undefined
    if (this.#table.fromInside(inside, remoteKey, now)) return undefined
    this.#table.sweep(now)
    return this.#table.add(inside, outside, remoteKey)
  }

  #publicAddress(insideIp: number): number {
    const { pooling = 'paired' } = this.options
    const known = this.#pairs.get(insideIp)
    if (pooling === 'paired' && known !== undefined) return known
    const index =
      pooling === 'paired'
        ? this.#pairs.size % this.#pool.length
        : randomBelow(this.#random, this.#pool.length)
    const address = this.#pool[index] ?? 0
    this.#pairs.set(insideIp, address)
    return address
  }
}

function tableOf({ sharesPorts = false }: NatOptions): MappingTable {
  return new MappingTable({ sharesPorts })
}

function dependenceKey(dependence: Dependence, ip: number, port: number): number {
  if (dependence === 'endpoint-independent') return 0
  return dependence === 'address-dependent' ? ip : ip * 0x1_0000 + port
}

function mappedKind({ kind }: Packet): MappedKind | undefined {
  return kind === 'tcp' || kind === 'udp' || kind === 'icmp' ? kind : undefined
}
