// The mappings of a NAT box, found from both sides. What is dead stays in the tables until it is in
// the way or swept out; nobody finds it. Sans-IO.

import type { MappedKind, Mapping } from './nat-mapping.ts'
import type { Milliseconds } from './spec.ts'

export interface Endpoint {
  readonly kind: MappedKind
  readonly ip: number
  readonly port: number
}

/** By endpoint, then by what the mapping depends on of the remote. */
type Side = Map<number, Map<number, Mapping>>

/** A new mapping sweeps the dead ones out, not more often than this. */
const SWEEP_MS = 1000
const KINDS: Readonly<Record<MappedKind, number>> = { udp: 0, tcp: 1, icmp: 2 }

export class MappingTable {
  readonly #sharesPorts: boolean
  readonly #inside: Side = new Map()
  /** With shared ports one endpoint has several mappings here. */
  readonly #outside: Side = new Map()
  #count = 0
  #sweptAt: Milliseconds = -Infinity

  constructor({ sharesPorts }: { readonly sharesPorts: boolean }) {
    this.#sharesPorts = sharesPorts
  }

  /** With those that died since the last sweep. */
  get count(): number {
    return this.#count
  }

  fromInside(endpoint: Endpoint, remoteKey: number, now: Milliseconds): Mapping | undefined {
    return alive(this.#inside.get(endpointKey(endpoint))?.get(remoteKey), now)
  }

  fromOutside(endpoint: Endpoint, remoteKey: number, now: Milliseconds): Mapping | undefined {
    return alive(this.#outside.get(endpointKey(endpoint))?.get(remoteKey), now)
  }

  /** The mapping of an outside endpoint that was made last, whoever the remote is. */
  newest(outside: Endpoint, now: Milliseconds): Mapping | undefined {
    let newest: Mapping | undefined
    for (const mapping of this.#outside.get(endpointKey(outside))?.values() ?? []) {
      if (mapping.expiresAt > now) newest = mapping
    }
    return newest
  }

  /** Whether a new mapping for this remote may have the outside endpoint. */
  isFree(outside: Endpoint, remoteKey: number, now: Milliseconds): boolean {
    if (this.#sharesPorts) return !this.fromOutside(outside, remoteKey, now)
    return !this.newest(outside, now)
  }

  /** Both places are free. The mapping is dead until it admits somebody. */
  add(inside: Endpoint, outside: Endpoint, remoteKey: number): Mapping {
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
    // What is dead at either place goes from both sides, so that they know the same mappings.
    this.#remove(this.#inside.get(endpointKey(inside))?.get(remoteKey))
    for (const dead of this.#outside.get(endpointKey(outside))?.values() ?? []) {
      if (!this.#sharesPorts || dead.remoteKey === remoteKey) this.#remove(dead)
    }
    put(this.#inside, endpointKey(inside), mapping)
    put(this.#outside, endpointKey(outside), mapping)
    this.#count++
    return mapping
  }

  sweep(now: Milliseconds): void {
    if (now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    for (const mapping of this.#all()) {
      if (mapping.expiresAt <= now) this.#remove(mapping)
      else if (mapping.admissions.size > 1) dropExpired(mapping, now)
    }
  }

  /** Oldest first. */
  alive(now: Milliseconds): Mapping[] {
    return this.#all().filter(({ expiresAt }) => expiresAt > now)
  }

  #remove(mapping: Mapping | undefined): void {
    if (!mapping) return
    const { kind, insideIp, insidePort, outsideIp, outsidePort } = mapping
    take(this.#inside, endpointKey({ kind, ip: insideIp, port: insidePort }), mapping)
    take(this.#outside, endpointKey({ kind, ip: outsideIp, port: outsidePort }), mapping)
    this.#count--
  }

  #all(): Mapping[] {
    return [...this.#inside.values()].flatMap(byRemote => [...byRemote.values()])
  }
}

function alive(mapping: Mapping | undefined, now: Milliseconds): Mapping | undefined {
  return mapping && mapping.expiresAt > now ? mapping : undefined
}

/** 50 bits: a number is a cheaper key than a text. */
function endpointKey({ kind, ip, port }: Endpoint): number {
  return (KINDS[kind] * 0x1_0000_0000 + ip) * 0x1_0000 + port
}

function put(side: Side, key: number, mapping: Mapping): void {
  const byRemote = side.get(key)
  if (byRemote) byRemote.set(mapping.remoteKey, mapping)
  else side.set(key, new Map([[mapping.remoteKey, mapping]]))
}

function take(side: Side, key: number, mapping: Mapping): void {
  const byRemote = side.get(key)
  if (byRemote?.get(mapping.remoteKey) !== mapping) return
  byRemote.delete(mapping.remoteKey)
  if (byRemote.size === 0) side.delete(key)
}

function dropExpired({ admissions }: Mapping, now: Milliseconds): void {
  for (const [key, { expiresAt }] of admissions) if (expiresAt <= now) admissions.delete(key)
}
