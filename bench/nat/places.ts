// The network of the nat bench: a visitor's and an owner's line to the internet, with every kind of
// NAT that a machine may stand behind, and a server in the middle. One lab for all pairs: before a
// run each machine is put behind its box.
//
//   visitor - [home-v | inner-v - carrier-v] - line-v -- internet -- line-o - [...] - owner
//                                                           |
//                                                   server, STUN servers

import { natOfClass } from '../lab/index.ts'
import type { LinkOptions, NatOptions, NetworkSpec } from '../lab/index.ts'

export const KINDS = [
  'public',
  'full cone',
  'restricted',
  'port-restricted',
  'sequential',
  'random',
  'carrier',
] as const

/** What stands between a machine and the internet. */
export type Kind = (typeof KINDS)[number]

export type Side = 'visitor' | 'owner'

/** Where both stand; the last three are near each other. */
export type Place =
  | {
      readonly type: 'apart'
      readonly visitor: Kind
      readonly owner: Kind
      /** Both have an IPv6 address, too, which what they stand behind is a firewall for. */
      readonly hasIp6?: boolean
      /** The owner's router forwards ports on request. */
      readonly hasPortMapping?: boolean
    }
  /** On one LAN behind a port-restricted NAT. `isIsolated`: they cannot speak on the LAN. */
  | { readonly type: 'one NAT'; readonly hairpin: boolean; readonly isIsolated: boolean }
  /** Two homes behind one carrier's NAT that hairpins. */
  | { readonly type: 'one carrier' }

/** What differs from the plain lab. */
export interface Conditions {
  /** Of each line, in each direction. Default: 10 ms, and nothing else. */
  readonly line?: LinkOptions
  /** Changes to the NAT of a side (its outermost one). */
  readonly visitor?: Partial<NatOptions>
  readonly owner?: Partial<NatOptions>
}

export interface Step {
  readonly nats: readonly { readonly box: string; readonly options: NatOptions }[]
  readonly hosts: readonly {
    readonly name: Side
    readonly ip: string
    readonly ip6?: string
    readonly prefix?: number
    readonly gateway?: string
    readonly behind: string
  }[]
  /** Whether the way between the two machines on one LAN is closed. */
  readonly isCut: boolean
}

export const SERVER_IP = '198.51.100.10'
/** Two addresses of one machine, as a STUN server needs for what RFC 5780 asks of it. */
export const STUN_IPS: readonly [string, string] = ['198.51.100.20', '198.51.100.21']

export const LINE_DELAY_MS = 10
const SERVER_DELAY_MS = 5
/** There and back: to the server, to the peer, and to the peer through the server. */
export const SERVER_RTT_MS: number = 2 * (LINE_DELAY_MS + SERVER_DELAY_MS)
export const PEER_RTT_MS: number = 4 * LINE_DELAY_MS
export const RELAY_RTT_MS: number = 2 * SERVER_RTT_MS

interface SideAddresses {
  readonly letter: 'v' | 'o'
  readonly open: string
  readonly ip6: string
  readonly home: string
  readonly carrier: string
  /** At its own gateway. Both LANs have the same prefix, as most of the world. */
  readonly lan: string
  /** Of the home router, inside the carrier's network. */
  readonly inner: string
  /** Public addresses after a change of address. */
  readonly moved: string
}

export const ADDRESSES: Readonly<Record<Side, SideAddresses>> = {
  visitor: {
    letter: 'v',
    open: '203.0.113.2',
    ip6: '2a00:db8:1::10',
    home: '203.0.113.10',
    carrier: '203.0.113.50',
    lan: '192.168.1.10',
    inner: '100.64.0.11',
    moved: '203.0.113.11',
  },
  owner: {
    letter: 'o',
    open: '192.0.2.2',
    ip6: '2a00:db8:2::10',
    home: '192.0.2.10',
    carrier: '192.0.2.50',
    lan: '192.168.1.20',
    inner: '100.64.0.22',
    moved: '192.0.2.11',
  },
}

const LAN_PREFIX = 24
/** Of the owner's LAN. */
const GATEWAY = '192.168.1.1'
/** A second home behind the visitor's carrier. */
const NEIGHBOUR = 'inner-w'

/** What a sequential NAT's other users take is a condition of its own. */
const CLASSES: Readonly<Record<Exclude<Kind, 'public' | 'carrier'>, (ip: string) => NatOptions>> = {
  'full cone': ip => natOfClass('C1', [ip]),
  restricted: ip => natOfClass('C2', [ip]),
  'port-restricted': ip => natOfClass('C3', [ip]),
  sequential: ip =>
    natOfClass('S1', [ip], { ports: { type: 'sequential', step: 1, foreignPerSecond: 0 } }),
  random: ip => natOfClass('S3', [ip]),
}

/** RFC 6888 asks a carrier for endpoint-independent mapping; each subscriber has a block. */
function carrierNat(ip: string): NatOptions {
  return natOfClass('C3', [ip], { ports: { type: 'random-in-block', size: 1024 }, hairpin: true })
}

export function networkSpec(): NetworkSpec {
  const line = { delayMs: LINE_DELAY_MS }
  const near = { delayMs: SERVER_DELAY_MS }
  const boxesOf = (side: Side): NonNullable<NetworkSpec['boxes']> => {
    const { letter, home, carrier, inner } = ADDRESSES[side]
    return [
      { name: `line-${letter}` },
      { name: `home-${letter}`, behind: `line-${letter}`, nat: natOfClass('C3', [home]) },
      { name: `carrier-${letter}`, behind: `line-${letter}`, nat: carrierNat(carrier) },
      { name: `inner-${letter}`, behind: `carrier-${letter}`, nat: natOfClass('C3', [inner]) },
    ]
  }
  return {
    hosts: [
      { name: 'server', ip: SERVER_IP },
      { name: 'stun', ip: STUN_IPS[0] },
      { name: 'stun-other', ip: STUN_IPS[1] },
      { name: 'visitor', ip: ADDRESSES.visitor.open, behind: 'line-v' },
      { name: 'owner', ip: ADDRESSES.owner.open, behind: 'line-o' },
    ],
    boxes: [
      ...boxesOf('visitor'),
      ...boxesOf('owner'),
      { name: NEIGHBOUR, behind: 'carrier-v', nat: natOfClass('C3', [ADDRESSES.owner.inner]) },
    ],
    links: {
      'server': { up: near, down: near },
      'stun': { up: near, down: near },
      'stun-other': { up: near, down: near },
      'line-v': { up: line, down: line },
      'line-o': { up: line, down: line },
    },
  }
}

/** How to get both machines where a place says. */
export function stepTo(place: Place, conditions: Conditions): Step {
  const { visitor, owner } = ADDRESSES
  switch (place.type) {
    case 'apart': {
      const { hasIp6 = false, hasPortMapping = false } = place
      const mapping = hasPortMapping ? { gateway: GATEWAY } : {}
      const [a, b] = [
        sideAt('visitor', place.visitor, conditions.visitor),
        sideAt('owner', place.owner, { ...conditions.owner, ...mapping }),
      ]
      const hosts = [...a.hosts, ...b.hosts].map(host => ({
        ...host,
        ...(hasIp6 && { ip6: ADDRESSES[host.name].ip6 }),
        ...(host.name === 'owner' && mapping),
      }))
      return { nats: [...a.nats, ...b.nats], hosts, isCut: false }
    }
    case 'one NAT': {
      const options = natOfClass('C3', [visitor.home], {
        hairpin: place.hairpin,
        ...conditions.visitor,
      })
      return {
        nats: [{ box: 'home-v', options }],
        hosts: [
          { name: 'visitor', ip: visitor.lan, prefix: LAN_PREFIX, behind: 'home-v' },
          { name: 'owner', ip: owner.lan, prefix: LAN_PREFIX, behind: 'home-v' },
        ],
        isCut: place.isIsolated,
      }
    }
    case 'one carrier':
      return {
        nats: [
          { box: 'carrier-v', options: carrierNat(visitor.carrier) },
          { box: 'inner-v', options: natOfClass('C3', [visitor.inner]) },
          { box: NEIGHBOUR, options: natOfClass('C3', [owner.inner]) },
        ],
        hosts: [
          { name: 'visitor', ip: visitor.lan, prefix: LAN_PREFIX, behind: 'inner-v' },
          { name: 'owner', ip: owner.lan, prefix: LAN_PREFIX, behind: NEIGHBOUR },
        ],
        isCut: false,
      }
    default:
      return place satisfies never
  }
}

/** Names of the two neighbours between which a direct path of the place passes. */
export function neighboursOf(place: Place): readonly [string, string] {
  switch (place.type) {
    case 'apart':
      return ['line-v', 'line-o']
    case 'one NAT':
      return ['visitor', 'owner']
    case 'one carrier':
      return ['inner-v', NEIGHBOUR]
    default:
      return place satisfies never
  }
}

/** The box whose public address a side has; undefined when it has one of its own. */
export function outerBoxOf(side: Side, kind: Kind): string | undefined {
  if (kind === 'public') return undefined
  return `${kind === 'carrier' ? 'carrier' : 'home'}-${ADDRESSES[side].letter}`
}

/** The NAT of a kind; `ip` is its public address. */
export function natOf(kind: Exclude<Kind, 'public'>, ip: string): NatOptions {
  return kind === 'carrier' ? carrierNat(ip) : CLASSES[kind](ip)
}

/** What no technique opens: a random port on one side, and no port to expect on the other. */
export function isHopeless({ visitor, owner }: Pair): boolean {
  const kinds = [visitor, owner]
  if (!kinds.includes('random')) return false
  return kinds.every(kind => kind === 'random' || kind === 'sequential')
}

export interface Pair {
  readonly visitor: Kind
  readonly owner: Kind
}

export const PAIRS: readonly Pair[] = KINDS.flatMap(owner =>
  KINDS.map(visitor => ({ visitor, owner })),
)

function sideAt(
  side: Side,
  kind: Kind,
  changes: Partial<NatOptions> | undefined,
): Pick<Step, 'nats' | 'hosts'> {
  const { letter, open, home, carrier, lan, inner } = ADDRESSES[side]
  const inside = { name: side, ip: lan, prefix: LAN_PREFIX }
  if (kind === 'public') {
    return { nats: [], hosts: [{ name: side, ip: open, behind: `line-${letter}` }] }
  }
  if (kind === 'carrier') {
    return {
      nats: [
        { box: `carrier-${letter}`, options: { ...carrierNat(carrier), ...changes } },
        { box: `inner-${letter}`, options: natOfClass('C3', [inner]) },
      ],
      hosts: [{ ...inside, behind: `inner-${letter}` }],
    }
  }
  return {
    nats: [{ box: `home-${letter}`, options: { ...natOf(kind, home), ...changes } }],
    hosts: [{ ...inside, behind: `home-${letter}` }],
  }
}
