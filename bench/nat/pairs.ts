// Every kind of NAT against every other: does a direct way open, when, and what does the user
// notice until then?

import type { Table } from '../report/types.ts'
import { median } from '../stats.ts'
import { attempt, type Attempt } from './attempt.ts'
import { addShare, bound, figures, isUsual, repeat } from './part.ts'
import type { Part, PartRig } from './part.ts'
import { isHopeless, KINDS, PAIRS, RELAY_RTT_MS, SERVER_RTT_MS } from './places.ts'
import type { Kind, Pair } from './places.ts'

/** Ours may take ten seconds where ports are random. */
const LIMIT_MS = 12_000
/** Real frp has no other way: its user waits. */
const LIMIT_WITHOUT_RELAY_MS = 22_000
const MOST_TRIES_OF_OTHERS = 3
/** 2 server round trips, 1 to the peer, 20 ms. */
const CONE_GOAL_MS = 120
const CONES: readonly Kind[] = ['public', 'full cone', 'restricted', 'port-restricted']
const LOSS = 0.02

interface Cell extends Pair {
  readonly attempts: readonly Attempt[]
}

const METRICS = figures('pairs', [
  ['pairs-direct', 'pairs that are direct in every try', '', 'higher'],
  ['pairs-relayed', 'pairs that work by relay alone', '', 'lower'],
  ['pairs-first-byte', 'first byte for the user, all pairs', 'ms', 'lower'],
  ['pairs-first-byte-worst', 'first byte for the user, the worst pair', 'ms', 'lower'],
  ['pairs-first-byte-over', 'pairs on the relay: first byte beyond its round trip', 'ms', 'lower'],
  ['pairs-no-answer', 'tries in which the user got no byte', '%', 'lower'],
  ['pairs-cone', 'time to direct, cone and public pairs', 'ms', 'lower'],
  ['pairs-other', 'time to direct, the other pairs that open', 'ms', 'lower'],
  ['pairs-random', 'time to direct, port-restricted and random', 'ms', 'lower'],
  ['pairs-random-share', 'port-restricted and random: direct in 10 s', '%', 'higher'],
  ['pairs-hopeless', 'packets sent in vain where no way can open', '', 'lower'],
])

export const pairsPart: Part = {
  name: 'pairs',
  title: 'every kind of NAT against every other: direct or not, when, and the first byte',
  metrics: METRICS,
  goals: [
    bound('pairs-direct', { atLeast: 46 }),
    bound('pairs-first-byte-worst', { atMost: RELAY_RTT_MS + 5 }),
    bound('pairs-first-byte-over', { atMost: 5 }),
    bound('pairs-no-answer', { atMost: 0 }),
    bound('pairs-cone', { atMost: CONE_GOAL_MS }),
    bound('pairs-random', { atMost: 1600 }),
    bound('pairs-random-share', { atLeast: 99.9 }),
    bound('pairs-hopeless', { atMost: 20 }),
  ],
  includes: isUsual,
  run: async rig => {
    const cells: Cell[] = []
    for (const pair of rig.pairs) {
      if (rig.signal.aborted) break
      cells.push({ ...pair, attempts: await tryPair(rig, pair) })
    }
    summarize(rig, cells)
  },
}

export const lossyPart: Part = {
  name: 'lossy',
  title: 'cone and public pairs with 2 % loss on each line, each way',
  metrics: figures('lossy', [
    ['lossy-share', '2 % loss: cone pairs direct in 2 s', '%', 'higher'],
    ['lossy-direct', '2 % loss: time to direct, cone pairs', 'ms', 'lower'],
    ['lossy-first-byte', '2 % loss: first byte', 'ms', 'lower'],
  ]),
  goals: [bound('lossy-share', { atLeast: 100 })],
  includes: isUsual,
  run: async rig => {
    const within: boolean[] = []
    const pairs = rig.pairs.filter(isCone)
    for (const pair of pairs) {
      const what = `2 % loss, ${pair.visitor} to ${pair.owner}`
      await repeat(rig, { count: triesOf(rig), what }, async round => {
        const conditions = { line: { loss: LOSS } }
        const one = await attempt(
          rig.world,
          rig.server,
          { place: { type: 'apart', ...pair }, conditions, limitMs: limitOf(rig) },
          rig.signal,
        )
        within.push((one.directMs ?? Infinity) <= 2000)
        rig.add(
          {
            ...(one.directMs !== undefined && { 'lossy-direct': one.directMs }),
            ...(one.firstByteMs !== undefined && { 'lossy-first-byte': one.firstByteMs }),
          },
          round,
        )
      })
    }
    addShare(rig, 'lossy-share', within)
  },
}

/** Before anything is known: discovery, the first handshake and punching, one after the other. */
export const coldPart: Part = {
  name: 'cold',
  title: 'cone and public pairs when the visitor has just started: nothing is known yet',
  metrics: figures('cold', [
    ['cold-direct', 'just started: time to direct, cone pairs', 'ms', 'lower'],
    ['cold-first-byte', 'just started: first byte, cone pairs', 'ms', 'lower'],
  ]),
  goals: [bound('cold-direct', { atMost: CONE_GOAL_MS + SERVER_RTT_MS })],
  includes: isUsual,
  run: async rig => {
    for (const pair of rig.pairs.filter(isCone)) {
      const what = `just started, ${pair.visitor} to ${pair.owner}`
      await repeat(rig, { count: triesOf(rig), what }, async round => {
        const place = { type: 'apart', ...pair } as const
        const options = { place, limitMs: limitOf(rig), settleMs: 0 }
        const one = await attempt(rig.world, rig.server, options, rig.signal)
        const { directMs, firstByteMs } = one
        if (directMs !== undefined) rig.add({ 'cold-direct': directMs }, round)
        if (firstByteMs !== undefined) rig.add({ 'cold-first-byte': firstByteMs }, round)
      })
    }
  },
}

async function tryPair(rig: PartRig, pair: Pair): Promise<Attempt[]> {
  const attempts: Attempt[] = []
  const what = `${pair.visitor} to ${pair.owner}`
  const first = rig.server.peer.isOurs || !isHopeless(pair) ? triesOf(rig) : 1
  await repeat(rig, { count: first, what }, async round => {
    const place = { type: 'apart', ...pair } as const
    const options = { place, limitMs: limitOf(rig) }
    const one = await attempt(rig.world, rig.server, options, rig.signal)
    attempts.push(one)
    rig.add(valuesOf(pair, one), round)
    // Others have pairs that cannot work; of ours it is a fault, and this its trace.
    if (one.silence !== undefined && rig.server.peer.isOurs) throw one.silence
  })
  return attempts
}

function valuesOf(
  pair: Pair,
  { firstByteMs, directMs, directPackets, relayMs }: Attempt,
): Record<string, number> {
  const values: Record<string, number> = {}
  if (firstByteMs !== undefined) values['pairs-first-byte'] = firstByteMs
  if (isHopeless(pair)) {
    values['pairs-hopeless'] = directPackets
    if (firstByteMs !== undefined && relayMs !== undefined) {
      values['pairs-first-byte-over'] = firstByteMs - relayMs
    }
  } else if (directMs !== undefined) {
    values[isCone(pair) ? 'pairs-cone' : 'pairs-other'] = directMs
  }
  if (isRandom(pair) && directMs !== undefined) values['pairs-random'] = directMs
  return values
}

function summarize(rig: PartRig, cells: readonly Cell[]): void {
  const asked = cells.filter(({ attempts }) => attempts.length > 0)
  if (asked.length === 0) return
  const firstBytes = asked.flatMap(({ attempts }) => {
    const times = attempts.flatMap(({ firstByteMs }) => firstByteMs ?? [])
    return times.length === 0 ? [] : [median(times)]
  })
  if (firstBytes.length > 0) rig.add({ 'pairs-first-byte-worst': Math.max(...firstBytes) }, 1)
  const random = asked.filter(isRandom).flatMap(({ attempts }) => attempts)
  const inTime = random.map(({ directMs }) => (directMs ?? Infinity) <= 10_000)
  addShare(rig, 'pairs-random-share', inTime)
  const silent = asked.flatMap(({ attempts }) => {
    return attempts.map(({ firstByteMs }) => firstByteMs === undefined)
  })
  addShare(rig, 'pairs-no-answer', silent)
  // A count of all pairs is one of all pairs only.
  if (asked.length === PAIRS.length) {
    const direct = asked.filter(cell => cell.attempts.every(one => one.directMs !== undefined))
    const relayed = asked.filter(({ attempts }) => {
      return attempts.every(one => one.directMs === undefined && one.firstByteMs !== undefined)
    })
    rig.add({ 'pairs-direct': direct.length, 'pairs-relayed': relayed.length }, 1)
  }
  const { name } = rig.server.peer
  rig.table(tableOf(`${name}: seconds to direct, and tries that were`, asked, directCell))
  rig.table(tableOf(`${name}: milliseconds to the first byte`, asked, firstByteCell))
}

function tableOf(
  title: string,
  cells: readonly Cell[],
  textOf: (cell: Cell) => string,
): Table {
  const visitors = KINDS.filter(kind => cells.some(({ visitor }) => visitor === kind))
  const owners = KINDS.filter(kind => cells.some(({ owner }) => owner === kind))
  return {
    title,
    columns: ['owner \\ visitor', ...visitors],
    rows: owners.map(owner => [
      owner,
      ...visitors.map(visitor => {
        const cell = cells.find(one => one.visitor === visitor && one.owner === owner)
        return cell === undefined ? '' : textOf(cell)
      }),
    ]),
  }
}

function directCell({ attempts }: Cell): string {
  const times = attempts.flatMap(({ directMs }) => directMs ?? [])
  const hasAnswer = attempts.some(({ firstByteMs }) => firstByteMs !== undefined)
  if (times.length === 0) return hasAnswer ? 'relay' : 'none'
  const share = times.length === attempts.length ? '' : ` ${times.length}/${attempts.length}`
  return `${(median(times) / 1000).toFixed(2)}${share}`
}

function firstByteCell({ attempts }: Cell): string {
  const times = attempts.flatMap(({ firstByteMs }) => firstByteMs ?? [])
  return times.length === 0 ? 'none' : median(times).toFixed(0)
}

export function limitOf({ server }: PartRig): number {
  return server.peer.isOurs ? LIMIT_MS : LIMIT_WITHOUT_RELAY_MS
}

export function triesOf({ server, tries }: PartRig): number {
  return server.peer.isOurs ? tries : Math.min(tries, MOST_TRIES_OF_OTHERS)
}

function isCone({ visitor, owner }: Pair): boolean {
  return CONES.includes(visitor) && CONES.includes(owner)
}

function isRandom({ visitor, owner }: Pair): boolean {
  const kinds = [visitor, owner]
  return kinds.includes('random') && kinds.includes('port-restricted')
}
