// What can be expected between this network and the usual kinds of others: the same plan that
// punching makes (punch/plan.ts), asked about networks that are not there. For people, not for
// machines: a round tries everything whatever is said here.

import { addressScope } from './scope.ts'
import { isHard, planGuessing } from './punch/plan.ts'
import type { PunchLimits } from './punch/types.ts'
import { type NatProfile, UNKNOWN_PROFILE } from './types.ts'

/** Kinds of networks that people are in. */
export const PEER_KINDS = ['open', 'home', 'counting', 'random', 'udp-blocked'] as const

/**
 * `open`: reachable by everybody (public address, port mapping, full cone). `home`: the usual
 * router, one mapping and a filter. `counting`: another port for each target, one after the other.
 * `random`: drawn at random, as many mobile carriers and firewalls of companies do.
 */
export type PeerKind = (typeof PEER_KINDS)[number]

/**
 * `direct`: at once. `guessed`: directly when a port was guessed, within seconds. `relay`: over
 * frps.
 */
export type Prospect = 'direct' | 'guessed' | 'relay'

export interface Prognosis {
  /** Undefined where nobody answered that could tell. */
  readonly own: PeerKind | undefined
  readonly peers: Readonly<Record<PeerKind, Prospect>>
}

/** Of what `mapping` of the router is known: its outer address. */
export function prognosis(profile: NatProfile, mappedIp: string | undefined): Prognosis {
  const isMapped = mappedIp !== undefined && isOutermost(profile, mappedIp)
  const local = isMapped ? { ...profile, ...OPEN } : profile
  const prospects = PEER_KINDS.map(kind => [kind, prospectOf(local, kind)] as const)
  // Each kind is in the list once.
  return { own: kindOf(local), peers: Object.fromEntries(prospects) as Prognosis['peers'] }
}

/** Whether the router that has this address is the last one before the internet. */
export function isOutermost({ externalIps }: NatProfile, gatewayIp: string): boolean {
  if (addressScope(gatewayIp) !== 'global') return false
  return externalIps.length === 0 || externalIps.includes(gatewayIp)
}

const OPEN = {
  mapping: 'endpoint-independent',
  filtering: 'endpoint-independent',
} as const

const PEERS: Readonly<Record<Exclude<PeerKind, 'udp-blocked'>, NatProfile>> = {
  open: { ...UNKNOWN_PROFILE, ...OPEN },
  home: {
    ...UNKNOWN_PROFILE,
    mapping: 'endpoint-independent',
    filtering: 'address-and-port-dependent',
  },
  counting: {
    ...UNKNOWN_PROFILE,
    mapping: 'address-and-port-dependent',
    filtering: 'address-and-port-dependent',
    ports: { type: 'sequential', step: 1, last: 0, at: 0, ratePerSecond: 0 },
  },
  random: {
    ...UNKNOWN_PROFILE,
    mapping: 'address-and-port-dependent',
    filtering: 'address-and-port-dependent',
    ports: { type: 'random' },
  },
}

/** The usual ones; a plan is about sockets only. */
const LIMITS: PunchLimits = {
  sockets: 256,
  guesses: 2048,
  perSecond: 200,
  guessForMs: 10_000,
  openerTtl: 5,
}

function prospectOf(local: NatProfile, kind: PeerKind): Prospect {
  if (kind === 'udp-blocked' || !local.udp) return 'relay'
  const remote = PEERS[kind]
  const facts = { role: 'visitor', hasOtherWay: false, limits: LIMITS } as const
  const { part } = planGuessing(local, remote, facts)
  if (part.type === 'none') return 'direct'
  if (part.type === 'hopeless') return 'relay'
  // Whose mapping is one lets in whom he has called, or everybody: then nothing is guessed.
  const easy = isHard(local) ? remote : local
  if (isHard(easy) || easy.filtering === 'address-and-port-dependent') return 'guessed'
  // A firewall before a public address that nobody has tested is the exception.
  return easy.filtering === undefined && easy.mapping !== 'none' ? 'guessed' : 'direct'
}

function kindOf({ udp, mapping, filtering, ports }: NatProfile): PeerKind | undefined {
  if (!udp) return 'udp-blocked'
  if (mapping === undefined) return undefined
  if (mapping === 'none' || mapping === 'endpoint-independent') {
    const isOpen = filtering === 'endpoint-independent'
    return isOpen || (mapping === 'none' && filtering === undefined) ? 'open' : 'home'
  }
  return ports?.type === 'sequential' ? 'counting' : 'random'
}
