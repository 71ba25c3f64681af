// Machines that are near each other, a NAT whose other users take its ports, IPv6, and networks
// without UDP: what the first minute of a connection looks like there.

import { attempt } from './attempt.ts'
import type { AttemptOptions } from './attempt.ts'
import { limitOf, triesOf } from './pairs.ts'
import { addShare, bound, figures, isUsual, repeat } from './part.ts'
import type { Figure, Part, PartRig } from './part.ts'
import { PEER_RTT_MS, RELAY_RTT_MS, SERVER_RTT_MS } from './places.ts'
import type { Conditions, Place } from './places.ts'

/** A message that took less stayed near. */
const NEAR_BELOW_MS = 15
/** Signalling takes two round trips to the server; the local path is there 50 ms later. */
const NEAR_GOAL_MS: number = 2 * SERVER_RTT_MS + 50

/** As near, with one round trip to the peer in place of the 50 ms. */
const IP6_GOAL_MS: number = 2 * SERVER_RTT_MS + PEER_RTT_MS

const NEAR: readonly {
  readonly id: string
  readonly title: string
  readonly place: Place
}[] = [
  {
    id: 'near-lan',
    title: 'same LAN',
    place: { type: 'one NAT', hairpin: true, isIsolated: false },
  },
  {
    id: 'near-lan-no-hairpin',
    title: 'same LAN, NAT without hairpin',
    place: { type: 'one NAT', hairpin: false, isIsolated: false },
  },
  {
    id: 'near-isolated',
    title: 'same NAT with hairpin, LAN blocked',
    place: { type: 'one NAT', hairpin: true, isIsolated: true },
  },
  {
    id: 'near-carrier',
    title: 'two homes behind one hairpinning carrier box',
    place: { type: 'one carrier' },
  },
]

export const nearPart: Part = {
  name: 'near',
  title: 'same LAN, same NAT, same carrier: is the way as short as it can be, and how soon?',
  metrics: figures(
    'near',
    NEAR.flatMap(({ id, title }): Figure[] => [
      [id, `${title}: time to the local path`, 'ms', 'lower'],
      [`${id}-share`, `${title}: local`, '%', 'higher'],
    ]),
  ),
  goals: NEAR.flatMap(({ id }) => [
    bound(id, { atMost: NEAR_GOAL_MS }),
    bound(`${id}-share`, { atLeast: 100 }),
  ]),
  includes: isUsual,
  run: async rig => {
    for (const { id, title, place } of NEAR) {
      const question = { id, title, place, directBelowMs: NEAR_BELOW_MS, withinMs: Infinity }
      addShare(rig, `${id}-share`, await directIn(rig, question))
    }
  },
}

const FOREIGN = [10, 20] as const

export const foreignPart: Part = {
  name: 'foreign',
  title: 'a sequential NAT whose other users take ports, against a port-restricted one',
  metrics: figures(
    'foreign',
    FOREIGN.flatMap((rate): Figure[] => [
      [`foreign-${rate}`, `${rate} foreign ports/s: time to direct`, 'ms', 'lower'],
      [`foreign-${rate}-share`, `${rate} foreign ports/s: in 1 s`, '%', 'higher'],
    ]),
  ),
  goals: FOREIGN.flatMap(rate => [
    bound(`foreign-${rate}`, { atMost: 1000 }),
    bound(`foreign-${rate}-share`, { atLeast: rate === 10 ? 100 : 98 }),
  ]),
  includes: isUsual,
  run: async rig => {
    for (const rate of FOREIGN) {
      const ports = { type: 'sequential', step: 1, foreignPerSecond: rate } as const
      const hits: boolean[] = []
      for (const side of ['visitor', 'owner'] as const) {
        const found = await directIn(rig, {
          id: `foreign-${rate}`,
          title: `${rate} foreign ports/s at the ${side}'s NAT`,
          place:
            side === 'visitor'
              ? { type: 'apart', visitor: 'sequential', owner: 'port-restricted' }
              : { type: 'apart', visitor: 'port-restricted', owner: 'sequential' },
          conditions: { [side]: { ports } },
          withinMs: 1000,
        })
        hits.push(...found)
      }
      addShare(rig, `foreign-${rate}-share`, hits)
    }
  },
}

export const ip6Part: Part = {
  name: 'ip6',
  title: 'random NATs on both sides, and IPv6 through the firewalls of both',
  metrics: figures('ip6', [
    ['ip6', 'IPv6 through both firewalls: time to direct', 'ms', 'lower'],
    ['ip6-share', 'IPv6 through both firewalls: direct', '%', 'higher'],
  ]),
  goals: [bound('ip6', { atMost: IP6_GOAL_MS }), bound('ip6-share', { atLeast: 100 })],
  includes: isUsual,
  run: async rig => {
    const place = { type: 'apart', visitor: 'random', owner: 'random', hasIp6: true } as const
    const question = { id: 'ip6', title: 'IPv6 through both firewalls', place, withinMs: Infinity }
    addShare(rig, 'ip6-share', await directIn(rig, question))
  },
}

/** A second for all of it, and the owner's router is asked before the first user comes. */
const MAPPED_GOAL_MS = 1000

export const mappedPart: Part = {
  name: 'mapped',
  title: "random NATs on both sides, and the owner's router forwards a port on request",
  metrics: figures('mapped', [
    ['mapped', "port mapping at the owner's router: time to direct", 'ms', 'lower'],
    ['mapped-share', "port mapping at the owner's router: direct", '%', 'higher'],
  ]),
  goals: [bound('mapped', { atMost: MAPPED_GOAL_MS }), bound('mapped-share', { atLeast: 100 })],
  includes: isUsual,
  run: async rig => {
    const place = { type: 'apart', visitor: 'random', owner: 'random', hasPortMapping: true } as const
    const question = { id: 'mapped', title: 'port mapping', place, withinMs: Infinity }
    addShare(rig, 'mapped-share', await directIn(rig, question))
  },
}

const BLOCKED = [
  { id: 'blocked-visitor', title: 'UDP blocked at the visitor', sides: ['visitor'] },
  { id: 'blocked-owner', title: 'UDP blocked at the owner', sides: ['owner'] },
  { id: 'blocked-both', title: 'UDP blocked at both', sides: ['visitor', 'owner'] },
] as const

/** The door must still answer when nothing but TCP passes. */
const BLOCKED_LIMIT_MS = 3000

export const blockedPart: Part = {
  name: 'blocked',
  title: 'networks without UDP: does a user get his first byte as soon as by relay?',
  metrics: figures(
    'blocked',
    BLOCKED.flatMap(({ id, title }): Figure[] => [
      [id, `${title}: first byte`, 'ms', 'lower'],
      [`${id}-none`, `${title}: no answer`, '%', 'lower'],
    ]),
  ),
  goals: BLOCKED.flatMap(({ id }) => [
    bound(id, { atMost: RELAY_RTT_MS + 5 }),
    bound(`${id}-none`, { atMost: 0 }),
  ]),
  includes: isUsual,
  run: async rig => {
    const place = { type: 'apart', visitor: 'port-restricted', owner: 'port-restricted' } as const
    for (const { id, title, sides } of BLOCKED) {
      const conditions = Object.fromEntries(sides.map(side => [side, { udpBlocked: true }]))
      const silent: boolean[] = []
      await repeat(rig, { count: triesOf(rig), what: title }, async round => {
        const limitMs = rig.server.peer.isOurs ? BLOCKED_LIMIT_MS : limitOf(rig)
        const options = { place, conditions, limitMs }
        const { firstByteMs } = await attempt(rig.world, rig.server, options, rig.signal)
        silent.push(firstByteMs === undefined)
        if (firstByteMs !== undefined) rig.add({ [id]: firstByteMs }, round)
      })
      addShare(rig, `${id}-none`, silent)
    }
  },
}

/** How a relay answers, and frp's visitor that falls back on one. */
export const relayPart: Part = {
  name: 'relay',
  title: 'what a relay alone costs: a stcp visitor, and frp falling back on one',
  metrics: figures('relay', [
    ['relay-first-byte', 'stcp visitor: first byte', 'ms', 'lower'],
    ['relay-next-byte', 'stcp visitor: first byte of the next connection', 'ms', 'lower'],
    ['relay-fallback', 'xtcp with fallbackTo, no way: first byte', 'ms', 'lower'],
  ]),
  goals: [],
  includes: isUsual,
  run: async rig => {
    const place = { type: 'apart', visitor: 'random', owner: 'random' } as const
    await repeat(rig, { count: triesOf(rig), what: 'relay' }, async round => {
      const { firstByteMs, nextByteMs } = await attempt(
        rig.world,
        rig.server,
        { place, pair: { way: 'relay' }, limitMs: BLOCKED_LIMIT_MS, hasNext: true },
        rig.signal,
      )
      if (firstByteMs !== undefined) rig.add({ 'relay-first-byte': firstByteMs }, round)
      if (nextByteMs !== undefined) rig.add({ 'relay-next-byte': nextByteMs }, round)
    })
    await repeat(rig, { count: triesOf(rig), what: 'fallback' }, async round => {
      const options = { place, pair: { way: 'fallback' }, limitMs: BLOCKED_LIMIT_MS } as const
      const { firstByteMs } = await attempt(rig.world, rig.server, options, rig.signal)
      if (firstByteMs !== undefined) rig.add({ 'relay-fallback': firstByteMs }, round)
    })
  },
}

interface Question extends Pick<AttemptOptions, 'place' | 'directBelowMs'> {
  readonly id: string
  readonly title: string
  readonly conditions?: Conditions
  /** What counts in the share. */
  readonly withinMs: number
}

/** Whether each try was direct in time. */
async function directIn(rig: PartRig, question: Question): Promise<boolean[]> {
  const { id, title, withinMs, ...options } = question
  const hits: boolean[] = []
  await repeat(rig, { count: triesOf(rig), what: title }, async round => {
    const limitMs = limitOf(rig)
    const { directMs } = await attempt(rig.world, rig.server, { ...options, limitMs }, rig.signal)
    hits.push(directMs !== undefined && directMs <= withinMs)
    if (directMs !== undefined) rig.add({ [id]: directMs }, round)
  })
  return hits
}
