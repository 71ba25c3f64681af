// Two peers behind NATs, 30 ms from frps and 40 ms from each other, who punch.

import { OBSERVER_HOSTS, openObservers } from './observers.ts'
import { PunchPeer, type PunchPeerOptions } from './punch-peer.ts'
import { Simulation } from './simulation.ts'
import { natOfClass, type NatClass } from '../../bench/lab/model/nat-classes.ts'
import type { BoxSpec, HostSpec, LinkPair, NatOptions } from '../../bench/lab/model/spec.ts'

/** `P`: on the internet, without a firewall. `N`: a C3 at home behind a C3 of the carrier. */
export type SideClass = 'P' | 'N' | NatClass
type Role = 'visitor' | 'owner'

export const SERVER_RTT_MS = 30
export const PEER_RTT_MS = 40

/** Routers between any two access lines: an opener must die among them. */
const CORE_HOPS = 8

export interface SceneOptions {
  readonly seed?: number
  readonly visitor?: Partial<PunchPeerOptions>
  readonly owner?: Partial<PunchPeerOptions>
  /** Between discovery and punching: how old the samples of ports are. */
  readonly ageMs?: number
  /** False: the offers are not exchanged yet. */
  readonly starts?: boolean
}

export interface PairOptions extends SceneOptions {
  /** Of each access line, in each direction. */
  readonly loss?: number
  readonly nats?: { readonly [role in Role]?: Partial<NatOptions> }
}

export interface Scene {
  /** With a `visitor` and an `owner`. */
  readonly hosts: readonly HostSpec[]
  readonly boxes: readonly BoxSpec[]
  readonly links?: Readonly<Record<string, LinkPair>>
  /** What each side's discovery finds. */
  readonly nats: { readonly [role in Role]?: NatOptions | undefined }
}

export interface Pair {
  readonly simulation: Simulation
  readonly visitor: PunchPeer
  readonly owner: PunchPeer
  /** When the visitor's offer went out; times are counted from there. */
  readonly startedAt: number
}

const PUBLIC = { visitor: '203.0.113.10', owner: '203.0.113.20' } as const
const CARRIER = { visitor: '100.64.0.10', owner: '100.64.0.20' } as const
const INSIDE = { visitor: '10.1.0.2', owner: '10.2.0.2' } as const
const KEYS = { visitor: new Uint8Array(32).fill(1), owner: new Uint8Array(32).fill(2) } as const
const OBSERVER_LINK = { up: { delayMs: 5 }, down: { delayMs: 5 } } as const

/** Two peers who have sent their offers; nothing of the punching has happened yet. */
export function startPair(
  visitor: SideClass,
  owner: SideClass,
  options: PairOptions = {},
): Pair {
  const { loss = 0, nats = {} } = options
  const line = { up: { delayMs: 10, loss }, down: { delayMs: 10, loss } }
  const sides = [
    sideOf('visitor', visitor, line, nats.visitor),
    sideOf('owner', owner, line, nats.owner),
  ] as const
  const scene: Scene = {
    hosts: sides.map(({ host }) => host),
    boxes: sides.flatMap(({ boxes }) => boxes),
    links: Object.fromEntries(sides.map(({ link }) => link)),
    nats: { visitor: sides[0].nat, owner: sides[1].nat },
  }
  return startScene(scene, options)
}

/** The same anywhere. */
export function startScene(scene: Scene, options: SceneOptions = {}): Pair {
  const { seed = 1, ageMs = 0, starts = true } = options
  const spec = {
    hosts: [...OBSERVER_HOSTS, ...scene.hosts],
    boxes: scene.boxes,
    links: { 'observer-1': OBSERVER_LINK, ...scene.links },
    coreHops: CORE_HOPS,
  }
  const simulation = new Simulation(spec, { seed })
  openObservers(simulation)
  const peer = (role: Role, other: Role): PunchPeer =>
    new PunchPeer({
      simulation,
      host: role,
      role,
      nat: scene.nats[role],
      keys: { send: KEYS[role], receive: KEYS[other] },
      serverRttMs: SERVER_RTT_MS,
      ...options[role],
    })
  const visitor = peer('visitor', 'owner')
  const owner = peer('owner', 'visitor')
  visitor.peer = owner
  owner.peer = visitor
  visitor.discover()
  owner.discover()
  simulation.run(600 + ageMs)
  const startedAt = simulation.now()
  if (starts) exchangeOffers(simulation, visitor, owner)
  return { simulation, visitor, owner, startedAt }
}

interface Side {
  readonly host: HostSpec
  readonly boxes: readonly BoxSpec[]
  readonly link: readonly [string, LinkPair]
  readonly nat: NatOptions | undefined
}

function sideOf(
  role: Role,
  name: SideClass,
  line: LinkPair,
  changes: Partial<NatOptions> = {},
): Side {
  if (name === 'P') {
    const host = { name: role, ip: PUBLIC[role] }
    return { host, boxes: [], link: [role, line], nat: undefined }
  }
  const box = `${role}-nat`
  const host = { name: role, ip: INSIDE[role], behind: box }
  if (name !== 'N') {
    const nat = natOfClass(name, [PUBLIC[role]], changes)
    return { host, boxes: [{ name: box, nat }], link: [box, line], nat }
  }
  const carrier = `${role}-carrier`
  const home = natOfClass('C3', [CARRIER[role]], changes)
  const boxes = [
    { name: carrier, nat: natOfClass('C3', [PUBLIC[role]]) },
    { name: box, nat: home, behind: carrier },
  ]
  return { host, boxes, link: [carrier, line], nat: home }
}

/** The visitor's offer takes half a round trip over frps; the owner's answer as long. */
export function exchangeOffers(
  simulation: Simulation,
  visitor: PunchPeer,
  owner: PunchPeer,
  round = 1,
): void {
  const offer = visitor.offer()
  simulation.after(SERVER_RTT_MS, () => {
    const answer = owner.offer()
    owner.start(offer, round)
    simulation.after(SERVER_RTT_MS, () => visitor.start(answer, round))
  })
}

/** Milliseconds until both have a path; undefined: not in that time. */
export function timeToDirect(pair: Pair, withinMs: number): number | undefined {
  const { simulation, visitor, owner, startedAt } = pair
  const isDirect = (): boolean => visitor.paths.length > 0 && owner.paths.length > 0
  return simulation.runUntil(isDirect, withinMs) ? simulation.now() - startedAt : undefined
}
