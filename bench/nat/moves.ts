// Connections that live on while the way below them changes: from the relay to the direct path, back
// when that is cut, to other addresses, and through an outage of frps.

import { setTimeout as sleep } from 'node:timers/promises'
import { epochNow, longestSilence, rateSteps } from '../load/progress.ts'
import type { Progress } from '../load/messages.ts'
import type { Metric, TimelinePlot } from '../report/types.ts'
import { percentile } from '../stats.ts'
import {
  answeredMs,
  DIRECT_BELOW_MS,
  directMs,
  longestGapMs,
  questionOf,
  withDirectPair,
} from './attempt.ts'
import { bound, isUsual, repeat, type Part, type PartRig } from './part.ts'
import { ADDRESSES, natOf, outerBoxOf, PEER_RTT_MS } from './places.ts'
import type { Conditions, Place, Side } from './places.ts'
import type { DownloadAnswer } from './traffic.ts'

const HOMES: Place = { type: 'apart', visitor: 'port-restricted', owner: 'port-restricted' }
const LINE = { rateBitsPerSecond: 100e6 }
const DIRECT_LIMIT_MS = 20_000

const FILE_BYTES = 100e6
const QUICK_FILE_BYTES = 20e6
/** A stall of the switch, not of the first window. */
const BEGIN_MS = 100

export const upgradePart: Part = {
  name: 'upgrade',
  title: 'a 100 MB transfer that begins by relay and becomes direct under way (100 Mbit/s lines)',
  metrics: [
    metric('upgrade', 'upgrade-wrong', 'relay to direct: bytes wrong', '', 'lower'),
    metric('upgrade', 'upgrade-broken', 'relay to direct: connections lost', '', 'lower'),
    metric('upgrade', 'upgrade-stall', 'relay to direct: longest silence', 'ms', 'lower'),
    metric('upgrade', 'upgrade-direct', 'relay to direct: bytes that went directly', '%', 'higher'),
    metric('upgrade', 'upgrade-rate', 'relay to direct: rate', 'Mbit/s', 'higher'),
  ],
  goals: [
    bound('upgrade-wrong', { atMost: 0 }),
    bound('upgrade-broken', { atMost: 0 }),
    bound('upgrade-stall', { atMost: PEER_RTT_MS + 20 }),
    bound('upgrade-direct', { atLeast: 90 }),
  ],
  // The others have no relay to begin with.
  includes: ({ isOurs }) => isOurs,
  run: async rig => {
    const { world, server, signal } = rig
    const untilBytes = rig.isQuick ? QUICK_FILE_BYTES : FILE_BYTES
    await repeat(rig, { count: rig.tries, what: 'relay to direct' }, async round => {
      await world.stand(HOMES, { line: LINE })
      const pair = await server.openPair()
      try {
        await sleep(SETTLE_MS)
        const before = await world.crossing()
        const question = { type: 'download', port: pair.port, limitMs: 60_000, untilBytes } as const
        const answer = await world.ask(question, { signal })
        const after = await world.crossing()
        const progress = progressOf(answer)
        const [from = answer.startedAt, to = from] = [answer.at[0], answer.at.at(-1)]
        const got = answer.bytes.at(-1) ?? 0
        const direct = after.directBytes[1] - before.directBytes[1]
        rig.add(
          {
            'upgrade-wrong': answer.wrongBytes,
            'upgrade-broken': answer.brokenAt === undefined && got >= untilBytes ? 0 : 1,
            'upgrade-stall': longestSilence(progress, from + BEGIN_MS, to),
            'upgrade-direct': Math.min(100, (100 * direct) / got),
            'upgrade-rate': (got * 8) / 1e3 / (to - from),
          },
          round,
          [plotOf('upgrade-rate', 'relay to direct', answer)],
        )
      } finally {
        await pair.close()
      }
    })
  },
}

/** For what is done at a program's start. */
const SETTLE_MS = 700
const CUT_MS = 4000
const CUT_LINE = { rateBitsPerSecond: 20e6 }
const CUTS = 5
const QUICK_CUTS = 2
/** For the direct way to come back after a cut. */
const BACK_LIMIT_MS = 60_000
const LOOK_EVERY_MS = 50
/** What passes directly in one look when a transfer does: a tenth of the line's rate. */
const DIRECT_LOOK_BYTES = 12_000

export const cutPart: Part = {
  name: 'cut',
  title: 'the direct path is cut during a transfer, and comes back later (20 Mbit/s lines)',
  metrics: [
    metric('cut', 'cut-silence', 'path cut: silence, median', 'ms', 'lower'),
    metric('cut', 'cut-silence-p99', 'path cut: silence, 99th percentile', 'ms', 'lower'),
    metric('cut', 'cut-back', 'path whole again: direct after', 'ms', 'lower'),
    metric('cut', 'cut-broken', 'path cut: connections lost', '', 'lower'),
    metric('cut', 'cut-wrong', 'path cut: bytes wrong', '', 'lower'),
  ],
  goals: [
    bound('cut-silence', { atMost: 700 }),
    bound('cut-silence-p99', { atMost: 1500 }),
    bound('cut-broken', { atMost: 0 }),
    bound('cut-wrong', { atMost: 0 }),
  ],
  includes: isUsual,
  run: async rig => {
    const silences: number[] = []
    await repeat(rig, { count: rounds(rig), what: 'path cut' }, async round => {
      silences.push(...(await cuts(rig, round)))
    })
    if (silences.length === 0) return
    rig.add({ 'cut-silence-p99': percentile(silences, 99) }, 1)
  },
}

async function cuts(rig: PartRig, round: number): Promise<number[]> {
  const { world, server, signal } = rig
  const count = rig.server.peer.isOurs ? (rig.isQuick ? QUICK_CUTS : CUTS) : 1
  const options = { place: HOMES, conditions: { line: CUT_LINE }, limitMs: DIRECT_LIMIT_MS }
  const work = async (pair: { readonly port: number }): Promise<number[]> => {
    const stop = new AbortController()
    const limitMs = 10_000 + count * (CUT_MS + BACK_LIMIT_MS)
    const question = { type: 'download', port: pair.port, limitMs } as const
    const running = world.ask(question, { signal, stop: stop.signal })
    running.catch(() => {}) // awaited below
    let isOver = false
    void running.finally(() => (isOver = true)).catch(() => {})
    await sleep(1500, undefined, { signal })
    const cutTimes: number[] = []
    const backs: number[] = []
    for (let index = 0; index < count && !isOver; index++) {
      cutTimes.push(epochNow())
      await world.cut(true)
      await sleep(CUT_MS, undefined, { signal })
      await world.cut(false)
      const back = await untilDirect(rig, () => isOver)
      if (back !== undefined) backs.push(back)
      await sleep(1000, undefined, { signal })
    }
    stop.abort()
    const answer = await running
    const progress = progressOf(answer)
    const silences = cutTimes.map(at => longestSilence(progress, at, at + CUT_MS))
    const isLost = answer.brokenAt !== undefined || silences.some(isWhole)
    rig.add({ 'cut-broken': isLost ? 1 : 0, 'cut-wrong': answer.wrongBytes }, round, [
      plotOf('cut-silence', 'path cut', answer, cutTimes),
    ])
    for (const silence of silences) rig.add({ 'cut-silence': silence }, round)
    for (const back of backs) rig.add({ 'cut-back': back }, round)
    return silences
  }
  return withDirectPair(world, server, options, { signal, work })
}

/** Silent for as long as the path was cut: what came in the first moments was on its way. */
function isWhole(silenceMs: number): boolean {
  return silenceMs > CUT_MS - 250
}

/** How long it took until the transfer went directly again; undefined: not in time. */
async function untilDirect(rig: PartRig, isOver: () => boolean): Promise<number | undefined> {
  const startedAt = performance.now()
  let before = (await rig.world.crossing()).directBytes[1]
  while (performance.now() - startedAt < BACK_LIMIT_MS && !isOver()) {
    await sleep(LOOK_EVERY_MS, undefined, { signal: rig.signal })
    const now = (await rig.world.crossing()).directBytes[1]
    if (now - before > DIRECT_LOOK_BYTES) return performance.now() - startedAt
    before = now
  }
  return undefined
}

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
/** A NAT that preserves ports gives the same one again after it forgot, and nothing would change. */
const RANDOM_PORTS: Conditions = {
  visitor: { ports: { type: 'random' } },
  owner: { ports: { type: 'random' } },
}
const CHANGE_AFTER_MS = 1500
const WATCHED_MS = 10_000

export const changePart: Part = {
  name: 'change',
  title: "one side's public address or NAT mapping changes while somebody types",
  metrics: CHANGES.flatMap(({ id, title }) => [
    metric('change', id, `${title}: traffic after`, 'ms', 'lower'),
    metric('change', `${id}-direct`, `${title}: direct after`, 'ms', 'lower'),
    metric('change', `${id}-broken`, `${title}: connections lost`, '', 'lower'),
  ]),
  goals: CHANGES.flatMap(({ id }) => [
    bound(id, { atMost: 1000 }),
    bound(`${id}-direct`, { atMost: 3000 }),
    bound(`${id}-broken`, { atMost: 0 }),
  ]),
  includes: isUsual,
  run: async rig => {
    for (const change of CHANGES) {
      await repeat(rig, { count: rounds(rig), what: change.title }, round => {
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
  metrics: [
    metric('outage', 'outage-broken', 'frps gone for 60 s: connections lost', '', 'lower'),
    metric('outage', 'outage-silence', 'frps gone for 60 s: longest silence', 'ms', 'lower'),
  ],
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

/** The others lose the connection each time: one look is enough. */
function rounds({ server, tries }: PartRig): number {
  return server.peer.isOurs ? tries : 1
}

function progressOf({ at, bytes }: DownloadAnswer): Progress {
  return { at: Float64Array.from(at), bytes: Float64Array.from(bytes) }
}

function plotOf(
  id: string,
  title: string,
  answer: DownloadAnswer,
  marks: readonly number[] = [],
): TimelinePlot {
  const { startedAt: from } = answer
  const stepMs = 100
  const points = rateSteps(progressOf(answer), { from, to: answer.at.at(-1) ?? from, stepMs })
  const texts = marks.map(at => ({ atMs: at - from, text: 'cut' }))
  return { kind: 'timeline', id, title, unit: 'Mbit/s', stepMs, points, marks: texts }
}

function metric(
  scenario: string,
  id: string,
  title: string,
  unit: Metric['unit'],
  better: Metric['better'],
): Metric {
  return { id, title, unit, better, scenario }
}
