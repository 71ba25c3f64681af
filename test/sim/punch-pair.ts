// Two peers behind NATs of given classes, 30 ms from frps and 40 ms from each other, who punch.

import { OBSERVER_HOSTS, openObservers } from './observers.ts'
import { PunchPeer, type PunchPeerOptions } from './punch-peer.ts'
import { Simulation } from './simulation.ts'
import { natOfClass, type NatClass } from '../../bench/lab/model/nat-classes.ts'
import type { BoxSpec, HostSpec, LinkPair, NatOptions } from '../../bench/lab/model/spec.ts'

/** `P`: on the internet, without a firewall. */
export type SideClass = 'P' | NatClass

export const SERVER_RTT_MS = 30
export const PEER_RTT_MS = 40

/** Routers between any two access lines: an opener must die among them. */
const CORE_HOPS = 8

export interface PairOptions {
  readonly seed?: number
  /** Of each access line, in each direction. */
  readonly loss?: number
  readonly nats?: { readonly visitor?: Partial<NatOptions>; readonly owner?: Partial<NatOptions> }
  readonly visitor?: Partial<PunchPeerOptions>
  readonly owner?: Partial<PunchPeerOptions>
  /** Between discovery and punching: how old the samples of ports are. */
  readonly ageMs?: number
}

export interface Pair {
  readonly simulation: Simulation
  readonly visitor: PunchPeer
  readonly owner: PunchPeer
  /** When the visitor's offer went out; times are counted from there. */
  readonly startedAt: number
}

const IPS = { visitor: '203.0.113.10', owner: '203.0.113.20' } as const
const INSIDE = { visitor: '10.1.0.2', owner: '10.2.0.2' } as const
const KEYS = { one: new Uint8Array(32).fill(1), two: new Uint8Array(32).fill(2) } as const

/** Two peers who have sent their offers; nothing of the punching has happened yet. */
export function startPair(
  visitorClass: SideClass,
  ownerClass: SideClass,
  options: PairOptions = {},
): Pair {
  const { seed = 1, loss = 0, nats, ageMs = 0 } = options
  const line = { delayMs: 10, loss }
  const links: Record<string, LinkPair> = {
    'observer-1': { up: { delayMs: 5 }, down: { delayMs: 5 } },
  }
  const hosts: HostSpec[] = [...OBSERVER_HOSTS]
  const boxes: BoxSpec[] = []
  const boxOf = (role: 'visitor' | 'owner', name: SideClass): NatOptions | undefined => {
    const nat = name === 'P' ? undefined : natOfClass(name, [IPS[role]], nats?.[role])
    if (nat) {
      boxes.push({ name: `${role}-nat`, nat })
      hosts.push({ name: role, ip: INSIDE[role], behind: `${role}-nat` })
    } else {
      hosts.push({ name: role, ip: IPS[role] })
    }
    links[nat ? `${role}-nat` : role] = { up: line, down: line }
    return nat
  }
  const natOfVisitor = boxOf('visitor', visitorClass)
  const natOfOwner = boxOf('owner', ownerClass)
  const simulation = new Simulation({ hosts, boxes, links, coreHops: CORE_HOPS }, { seed })
  openObservers(simulation)
  const common = { simulation, serverRttMs: SERVER_RTT_MS }
  const visitor = new PunchPeer({
    ...common,
    host: 'visitor',
    role: 'visitor',
    nat: natOfVisitor,
    keys: { send: KEYS.one, receive: KEYS.two },
    ...options.visitor,
  })
  const owner = new PunchPeer({
    ...common,
    host: 'owner',
    role: 'owner',
    nat: natOfOwner,
    keys: { send: KEYS.two, receive: KEYS.one },
    ...options.owner,
  })
  visitor.peer = owner
  owner.peer = visitor
  visitor.discover()
  owner.discover()
  simulation.run(600 + ageMs)
  const startedAt = simulation.now()
  exchangeOffers(simulation, visitor, owner)
  return { simulation, visitor, owner, startedAt }
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
