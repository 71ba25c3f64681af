// A NAT box for IPv4 (RFC 4787 for UDP, RFC 5382 for TCP, RFC 5508 for ICMP) that is also the
// firewall for IPv6. It translates packets in place; the way to it and from it is the network's.
// Sans-IO.

import { Firewall } from './firewall.ts'
import { FragmentMemory } from './fragments.ts'
import { parseIpv4, formatIpv4 } from './ip.ts'
import { admit, touch, type Direction, type MappedKind, type Mapping } from './nat-mapping.ts'
import { portChoice, type PortChoice } from './nat-ports.ts'
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

/** Dead mappings are swept out when a new one is made, not more often than this. */
const SWEEP_MS = 1000
const KINDS: Readonly<Record<MappedKind, number>> = { udp: 0, tcp: 1, icmp: 2 }

type Table = Map<number, Map<number, Mapping>>

export class NatBox {
  readonly options: NatOptions
  readonly #random: Random
  readonly #pool: readonly number[]
  #ports: PortChoice
  #firewall: Firewall
  /** By inside endpoint, then by what the mapping depends on of the remote. */
  #inside: Table = new Map()
  /** By outside endpoint, then as above: with shared ports one endpoint has several mappings. */
  #outside: Table = new Map()
  #count = 0
  #sweptAt: Milliseconds = -Infinity
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
    this.#firewall = new Firewall(options)
  }

  /** Whether the address is one of the pool. */
  owns(ip: number | string): boolean {
    return typeof ip === 'number' && this.#pool.includes(ip)
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
    this.#inside = new Map()
    this.#outside = new Map()
    this.#count = 0
    this.#firewall = new Firewall(this.options)
    this.#fragments = new FragmentMemory()
  }

  /** Those that are alive, oldest first. */
  mappings(now: Milliseconds): MappingView[] {
    return this.#all()
      .filter(({ expiresAt }) => expiresAt > now)
      .map(({ kind, insideIp, insidePort, outsideIp, outsidePort, expiresAt }) => ({
        kind,
        inside: { ip: formatIpv4(insideIp), port: insidePort },
        outside: { ip: formatIpv4(outsideIp), port: outsidePort },
        expiresAt,
      }))
  }

  #isBlocked({ kind, protocol }: Packet): boolean {
    return this.options.udpBlocked && (kind === 'udp' || protocol === UDP)
  }

  #sendOut(packet: Packet, kind: MappedKind, now: Milliseconds): boolean {
    const remoteIp = Number(packet.destination)
    const remotePort = kind === 'icmp' ? 0 : packet.destinationPort
    const { mapping: dependence, filtering } = this.options
    const key = dependenceKey(dependence, remoteIp, remotePort)
    const inside = { kind, ip: Number(packet.source), port: packet.sourcePort }
    const mapping = this.#find(this.#inside, inside, key, now) ?? this.#map(inside, key, now)
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
    const mapping =
      this.#admitting(outside, remoteIp, remotePort, now) ??
      this.#expose(outside, remoteIp, remotePort, now)
    if (!mapping) return false
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
    const mapping = this.#find(this.#inside, inside, key, now)
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
      this.#find(this.#outside, outside, key, now) ?? this.#newest(outside, now)
    const admission = mapping?.admissions.get(dependenceKey(filtering, remoteIp, remotePort))
    return admission && admission.expiresAt > now ? mapping : undefined
  }

  #newest(outside: Endpoint, now: Milliseconds): Mapping | undefined {
    let newest: Mapping | undefined
    for (const mapping of this.#outside.get(endpointKey(outside))?.values() ?? []) {
      if (mapping.expiresAt > now) newest = mapping
    }
    return newest
  }

  #find(table: Table, endpoint: Endpoint, key: number, now: Milliseconds): Mapping | undefined {
    const mapping = table.get(endpointKey(endpoint))?.get(key)
    return mapping && mapping.expiresAt > now ? mapping : undefined
  }

  #map(inside: Endpoint, remoteKey: number, now: Milliseconds): Mapping | undefined {
    this.#sweep(now)
    const { maxMappings = Infinity } = this.options
    if (this.#count >= maxMappings) return undefined
    const { kind } = inside
    const outsideIp = this.#publicAddress(inside.ip)
    const isFree = (port: number): boolean =>
      this.#isFree({ kind, ip: outsideIp, port }, remoteKey, now)
    const wish = { insideIp: inside.ip, insidePort: inside.port, isFree }
    const outsidePort = this.#ports.allocate(wish, now)
    if (outsidePort === undefined) return undefined
    return this.#add(inside, { kind, ip: outsideIp, port: outsidePort }, remoteKey)
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
    const known = this.#find(this.#outside, outside, remoteKey, now)
    if (known) return known.insideIp === inside.ip ? known : undefined
    if (!this.#isFree(outside, remoteKey, now)) return undefined
    if (this.#find(this.#inside, inside, remoteKey, now)) return undefined
    this.#sweep(now)
    return this.#add(inside, outside, remoteKey)
  }

  #isFree(outside: Endpoint, remoteKey: number, now: Milliseconds): boolean {
    if (this.options.sharesPorts) return !this.#find(this.#outside, outside, remoteKey, now)
    return !this.#newest(outside, now)
  }

  #add(inside: Endpoint, outside: Endpoint, remoteKey: number): Mapping {
    const mapping: Mapping = {
      kind: inside.kind,
      insideIp: inside.ip,
      insidePort: inside.port,
      outsideIp: outside.ip,
      outsidePort: outside.port,
      remoteKey,
      admissions: new Map(),
      expiresAt: 0,
    }
    // What is dead at either place goes first, so that each table knows the other's mappings only.
    this.#remove(this.#inside.get(endpointKey(inside))?.get(remoteKey))
    for (const dead of this.#outside.get(endpointKey(outside))?.values() ?? []) {
      if (!this.options.sharesPorts || dead.remoteKey === remoteKey) this.#remove(dead)
    }
    put(this.#inside, endpointKey(inside), mapping)
    put(this.#outside, endpointKey(outside), mapping)
    this.#count++
    return mapping
  }

  #remove(mapping: Mapping | undefined): void {
    if (!mapping) return
    const { kind, insideIp, insidePort, outsideIp, outsidePort } = mapping
    take(this.#inside, endpointKey({ kind, ip: insideIp, port: insidePort }), mapping)
    take(this.#outside, endpointKey({ kind, ip: outsideIp, port: outsidePort }), mapping)
    this.#count--
  }

  #sweep(now: Milliseconds): void {
    if (now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    for (const mapping of this.#all()) {
      if (mapping.expiresAt <= now) this.#remove(mapping)
      else if (mapping.admissions.size > 1) dropExpired(mapping, now)
    }
  }

  #all(): Mapping[] {
    return [...this.#inside.values()].flatMap(byRemote => [...byRemote.values()])
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

interface Endpoint {
  readonly kind: MappedKind
  readonly ip: number
  readonly port: number
}

/** 50 bits: a number is a cheaper key than a text. */
function endpointKey({ kind, ip, port }: Endpoint): number {
  return (KINDS[kind] * 0x1_0000_0000 + ip) * 0x1_0000 + port
}

function dependenceKey(dependence: Dependence, ip: number, port: number): number {
  if (dependence === 'endpoint-independent') return 0
  return dependence === 'address-dependent' ? ip : ip * 0x1_0000 + port
}

function mappedKind({ kind }: Packet): MappedKind | undefined {
  return kind === 'tcp' || kind === 'udp' || kind === 'icmp' ? kind : undefined
}

function put(table: Table, key: number, mapping: Mapping): void {
  const byRemote = table.get(key)
  if (byRemote) byRemote.set(mapping.remoteKey, mapping)
  else table.set(key, new Map([[mapping.remoteKey, mapping]]))
}

function take(table: Table, key: number, mapping: Mapping): void {
  const byRemote = table.get(key)
  if (byRemote?.get(mapping.remoteKey) !== mapping) return
  byRemote.delete(mapping.remoteKey)
  if (byRemote.size === 0) table.delete(key)
}

function dropExpired({ admissions }: Mapping, now: Milliseconds): void {
  for (const [key, { expiresAt }] of admissions) if (expiresAt <= now) admissions.delete(key)
}

export type { Direction }
