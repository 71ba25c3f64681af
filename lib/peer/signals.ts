// What two peers tell each other on the first stream of their connection: length (2) | JSON. The
// other side has proven that it knows the secret, and may still be broken or hostile: everything is
// checked and bounded. Sans-IO.

import type {
  Candidate,
  CandidateType,
  Dependence,
  NatProfile,
  Offer,
  PortAllocation,
  PunchScope,
} from '../../nat/index.ts'
import { isIpAddress, MAX_CANDIDATES } from '../../nat/index.ts'
import { TunnelError } from '../errors.ts'

export type Signal =
  /** The first of each side. `proof`: see keys.ts, base64. `relay`: users may go over frps. */
  | { readonly type: 'hello'; readonly proof: string; readonly relay: boolean }
  /**
   * Punch now, to these addresses. The visitor begins a round, the owner answers with the same
   * number; a later one of either side in the same round has fresher samples.
   */
  | {
      readonly type: 'offer'
      readonly round: number
      readonly scope: PunchScope
      readonly offer: Offer
    }
  /** Datagrams of this size pass on the direct path. */
  | { readonly type: 'size'; readonly bytes: number }

/** 32 candidates are about 3 kB. */
const MAX_BYTES = 8_192
const LENGTH_BYTES = 2

const CANDIDATE_TYPES: readonly CandidateType[] = ['host', 'srflx', 'mapped', 'prflx', 'predicted']
const DEPENDENCES: readonly Dependence[] = [
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
]

/** `now`: times within are told as ages. */
export function encodeSignal(signal: Signal, now: number): Buffer {
  const told = signal.type === 'offer' ? { ...signal, offer: aged(signal.offer, now) } : signal
  const body = Buffer.from(JSON.stringify(told))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt16BE(body.length)
  return Buffer.concat([length, body])
}

/** Cuts a stream into signals. */
export class SignalReader {
  #rest: Buffer = Buffer.alloc(0)

  /** Throws PROTOCOL_ERROR. */
  read(chunk: Buffer, now: number): Signal[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const signals: Signal[] = []
    while (bytes.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + bytes.readUInt16BE(0)
      if (end > MAX_BYTES) throw broken('it is too long')
      if (end > bytes.length) break
      const signal = decode(bytes.toString('utf8', LENGTH_BYTES, end), now)
      // A later version may know more.
      if (signal !== undefined) signals.push(signal)
      bytes = bytes.subarray(end)
    }
    // A copy, because the chunk is only lent.
    this.#rest = Buffer.from(bytes)
    return signals
  }
}

function decode(text: string, now: number): Signal | undefined {
  const { type, ...fields } = recordOf(parse(text))
  switch (type) {
    case 'hello': {
      const { proof, relay } = fields
      if (typeof proof !== 'string' || typeof relay !== 'boolean') throw broken('a hello')
      return { type, proof, relay }
    }
    case 'offer': {
      const scope = fields['scope'] === 'plain' ? 'plain' : 'full'
      const round = numberOf(fields['round'], 0, Number.MAX_SAFE_INTEGER)
      return { type, round, scope, offer: offerOf(fields['offer'], now) }
    }
    case 'size':
      return { type, bytes: numberOf(fields['bytes'], 1_200, 65_507) }
    default:
      return undefined
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw broken('it is no JSON')
  }
}

function aged(offer: Offer, now: number): unknown {
  const { ports } = offer.profile
  if (ports?.type !== 'sequential') return offer
  return { ...offer, profile: { ...offer.profile, ports: { ...ports, at: now - ports.at } } }
}

function offerOf(value: unknown, now: number): Offer {
  const { candidates, profile } = recordOf(value)
  if (!Array.isArray(candidates) || candidates.length > MAX_CANDIDATES) throw broken('candidates')
  return { candidates: candidates.map(candidateOf), profile: profileOf(profile, now) }
}

function candidateOf(value: unknown): Candidate {
  const { type, address } = recordOf(value)
  const { ip, port } = recordOf(address)
  const known = CANDIDATE_TYPES.find(one => one === type)
  if (known === undefined || typeof ip !== 'string' || !isIpAddress(ip)) throw broken('a candidate')
  return { type: known, address: { ip, port: numberOf(port, 1, 65_535) } }
}

function profileOf(value: unknown, now: number): NatProfile {
  const profile = recordOf(value)
  const { externalIps } = profile
  if (!Array.isArray(externalIps) || externalIps.length > MAX_CANDIDATES) throw broken('a profile')
  return {
    udp: profile['udp'] === true,
    mapping: profile['mapping'] === 'none' ? 'none' : dependenceOf(profile['mapping']),
    filtering: dependenceOf(profile['filtering']),
    ports: portsOf(profile['ports'], now),
    externalIps: externalIps.filter(ip => typeof ip === 'string' && isIpAddress(ip)),
    hairpin: flagOf(profile['hairpin']),
    carrier: flagOf(profile['carrier']),
    ipv6: profile['ipv6'] === true,
  }
}

function portsOf(value: unknown, now: number): PortAllocation | undefined {
  if (value === undefined || value === null) return undefined
  const ports = recordOf(value)
  switch (ports['type']) {
    case 'preserving':
    case 'random':
      return { type: ports['type'] }
    case 'random-in-block': {
      const first = numberOf(ports['first'], 0, 65_535)
      return { type: 'random-in-block', first, size: numberOf(ports['size'], 1, 65_536) }
    }
    case 'sequential':
      return {
        type: 'sequential',
        step: numberOf(ports['step'], -1_024, 1_024),
        last: numberOf(ports['last'], 0, 65_535),
        at: now - numberOf(ports['at'], 0, 3_600_000),
        ratePerSecond: numberOf(ports['ratePerSecond'], 0, 100_000),
      }
    default:
      return undefined
  }
}

function dependenceOf(value: unknown): Dependence | undefined {
  return DEPENDENCES.find(known => known === value)
}

function flagOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

function numberOf(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= most)) throw broken('a number')
  return value
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw broken('an object')
  }
  return Object.fromEntries(Object.entries(value))
}

function broken(what: string): TunnelError {
  return new TunnelError('PROTOCOL_ERROR', `a signal of the peer is broken: ${what}`)
}
