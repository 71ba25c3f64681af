// Connections that somebody types on while something else changes: the public address or the
// mapping of one side, or frps, which is gone for a minute.

import { setTimeout as sleep } from 'node:timers/promises'
import { epochNow } from '../load/progress.ts'
import {
  answeredMs,
  DIRECT_BELOW_MS,
  directMs,
  longestGapMs,
  questionOf,
  withDirectPair,
} from './attempt.ts'
import { bound, figures, isUsual, repeat, roundsOf } from './part.ts'
import type { Figure, Part, PartRig } from './part.ts'
import { ADDRESSES, natOf, outerBoxOf, PEER_RTT_MS } from './places.ts'
import type { Conditions, Place, Side } from './places.ts'

const HOMES: Place = { type: 'apart', visitor: 'port-restricted', owner: 'port-restricted' }
const DIRECT_LIMIT_MS = 20_000

interface Change {
  readonly id: string
  readonly title: string
  readonly side: Side
  readonly what: 'address' | 'mapping'
}

const CHANGES: readonly Change[] = (['visitor', 'owner'] as const).flatMap(side =>
  (['address', 'mapping'] as const).map(what => ({
    id: `change-${side}-${what}`,
    title: `the ${side}'s ${what === 'address' ? 'public address' : 'NAT mapping'} changes`,
    side,
    what,
  })),
)
/** A NAT that preserves ports would give the same one again after it forgot. */
const RANDOM_PORTS: Conditions = {
  visitor: { ports: { type: 'random' } },
  owner: { ports: { type: 'random' } },
}
const CHANGE_AFTER_MS = 1500
const WATCHED_MS = 10_000

export const changePart: Part = {
  name: 'change',
  title: "one side's public address or NAT mapping changes while somebody types",
  metrics: figures(
    'change',
    CHANGES.flatMap(({ id, title }): Figure[] => [
      [id, `${title}: traffic after`, 'ms', 'lower'],
      [`${id}-direct`, `${title}: direct after`, 'ms', 'lower'],
      [`${id}-broken`, `${title}: connections lost`, '', 'lower'],
    ]),
  ),
  goals: CHANGES.flatMap(({ id }) => [
    bound(id, { atMost: 1000 }),
    bound(`${id}-direct`, { atMost: 3000 }),
    bound(`${id}-broken`, { atMost: 0 }),
  ]),
  includes: isUsual,
  run: async rig => {
    for (const change of CHANGES) {
      await repeat(rig, { count: roundsOf(rig), what: change.title }, round => {
        return changeOnce(rig, change, round)
      })
    }
  },
}

async function changeOnce(rig: PartRig, { id, side, what }: Change, round: number): Promise<void> {
  const { world, server, signal } = rig
  const options = { place: HOMES, conditions: RANDOM_PORTS, limitMs: DIRECT_LIMIT_MS }
  const work = async (pair: { readonly port: number }): Promise<void> => {
    const running = world.ask(
      { type: 'echo', port: pair.port, intervalMs: 10, limitMs: CHANGE_AFTER_MS + WATCHED_MS },
      { signal },
    )
    const act = async (): Promise<number> => {
      await sleep(CHANGE_AFTER_MS, undefined, { signal })
      const at = epochNow()
      const box = outerBoxOf(side, 'port-restricted') ?? ''
      if (what === 'mapping') await world.lab.resetNat(box)
      else {
        const options = natOf('port-restricted', ADDRESSES[side].moved)
        await world.setNat(box, { ...options, ...RANDOM_PORTS[side] })
      }
      return at
    }
    const [answer, changedAt] = await Promise.all([running, act()])
    // A message that left within a millisecond of the change may have been before it.
    const since = changedAt + 2
    const answered = answeredMs(answer, since)
    const direct = directMs(answer, since, DIRECT_BELOW_MS)
    const isLost = answer.brokenAt !== undefined || answered === undefined
    rig.add({ [`${id}-broken`]: isLost ? 1 : 0 }, round)
    if (isLost) return
    rig.add({ [id]: answered, ...(direct !== undefined && { [`${id}-direct`]: direct }) }, round)
  }
  await withDirectPair(world, server, options, { signal, work })
}

const OUTAGE_MS = 60_000
const QUICK_OUTAGE_MS = 12_000
const AFTER_OUTAGE_MS = 5000

export const outagePart: Part = {
  name: 'outage',
  title: 'frps is gone for 60 s while a direct connection is used',
  metrics: figures('outage', [
    ['outage-broken', 'frps gone: connections lost', '', 'lower'],
    ['outage-silence', 'frps gone: longest silence', 'ms', 'lower'],
  ]),
  goals: [
    bound('outage-broken', { atMost: 0 }),
    bound('outage-silence', { atMost: 4 * PEER_RTT_MS }),
  ],
  includes: isUsual,
  run: rig =>
    repeat(rig, { count: 1, what: 'frps gone' }, async round => {
      const { world, server, signal } = rig
      const outageMs = rig.isQuick ? QUICK_OUTAGE_MS : OUTAGE_MS
      const work = async (pair: Parameters<typeof questionOf>[0]): Promise<void> => {
        const limitMs = 1000 + outageMs + AFTER_OUTAGE_MS
        const running = world.ask({ ...questionOf(pair), intervalMs: 20, limitMs }, { signal })
        running.catch(() => {}) // awaited below
        await sleep(1000, undefined, { signal })
        const at = epochNow()
        await server.kill()
        await sleep(outageMs, undefined, { signal })
        await server.restart()
        const answer = await running
        const isLost = answer.brokenAt !== undefined
        rig.add({ 'outage-broken': isLost ? 1 : 0 }, round)
        if (!isLost) rig.add({ 'outage-silence': longestGapMs(answer, at) }, round)
      }
      const options = { place: HOMES, limitMs: DIRECT_LIMIT_MS }
      try {
        await withDirectPair(world, server, options, { signal, work })
      } finally {
        await server.kill()
        await server.restart()
      }
    }),
}
