// Transfers that go on while the way below them changes: from the relay to the direct path, and
// back when that is cut.

import { setTimeout as sleep } from 'node:timers/promises'
import { epochNow, longestSilence, rateBetween, rateSteps } from '../load/progress.ts'
import type { Progress } from '../load/messages.ts'
import type { TimelinePlot } from '../report/types.ts'
import { percentile } from '../stats.ts'
import { withDirectPair } from './attempt.ts'
import { bound, figures, isUsual, repeat, roundsOf } from './part.ts'
import type { Part, PartRig } from './part.ts'
import { PEER_RTT_MS } from './places.ts'
import type { Place } from './places.ts'
import type { DownloadAnswer } from './traffic.ts'

const HOMES: Place = { type: 'apart', visitor: 'port-restricted', owner: 'port-restricted' }
const LINE = { rateBitsPerSecond: 100e6 }
const DIRECT_LIMIT_MS = 20_000

/** How long a transfer runs by relay before the direct way is there, and after it is. */
const RELAYED_MS = 2000
const UPGRADED_MS = 8000
const QUICK_UPGRADED_MS = 2000
/** A stall of the switch, not of the first window. */
const BEGIN_MS = 500

export const upgradePart: Part = {
  name: 'upgrade',
  title: 'a transfer of some 100 MB that becomes direct under way (100 Mbit/s lines)',
  metrics: figures('upgrade', [
    ['upgrade-wrong', 'relay to direct: bytes wrong', '', 'lower'],
    ['upgrade-broken', 'relay to direct: connections lost', '', 'lower'],
    ['upgrade-stall', 'relay to direct: longest silence once the way is open', 'ms', 'lower'],
    ['upgrade-before', 'relay to direct: longest silence before, by relay', 'ms', 'lower'],
    ['upgrade-after', 'way open: direct after', 'ms', 'lower'],
    ['upgrade-relayed', 'relay to direct: rate before', 'Mbit/s', 'higher'],
    ['upgrade-direct', 'relay to direct: rate after 2 s', 'Mbit/s', 'higher'],
    ['upgrade-bytes', 'relay to direct: transferred', 'MB', 'higher'],
  ]),
  goals: [
    bound('upgrade-wrong', { atMost: 0 }),
    bound('upgrade-broken', { atMost: 0 }),
    bound('upgrade-stall', { atMost: PEER_RTT_MS + 20 }),
  ],
  // The others have no relay to begin with.
  includes: ({ isOurs }) => isOurs,
  run: rig =>
    repeat(rig, { count: rig.tries, what: 'relay to direct' }, round => upgradeOnce(rig, round)),
}

/** The way is cut until the transfer runs, so that it begins by relay on any machine. */
async function upgradeOnce(rig: PartRig, round: number): Promise<void> {
  const { world, server, signal } = rig
  await world.stand(HOMES, { line: LINE })
  await world.cut(true)
  const pair = await server.openPair()
  try {
    await sleep(SETTLE_MS, undefined, { signal })
    const stop = new AbortController()
    const question = { type: 'download', port: pair.port, limitMs: 120_000 } as const
    const running = world.ask(question, { signal, stop: stop.signal })
    running.catch(() => {}) // awaited below
    let isOver = false
    void running.finally(() => (isOver = true)).catch(() => {})
    await sleep(RELAYED_MS, undefined, { signal })
    const openedAt = epochNow()
    await world.cut(false)
    const after = await untilDirect(rig, () => isOver)
    const directAt = epochNow()
    await sleep(rig.isQuick ? QUICK_UPGRADED_MS : UPGRADED_MS, undefined, { signal })
    stop.abort()
    const answer = await running
    pair.check()
    if (after === undefined) throw new Error(`no direct way within ${BACK_LIMIT_MS} ms`)
    const progress = progressOf(answer)
    const [from = answer.startedAt, to = from] = [answer.at[0], answer.at.at(-1)]
    const settledAt = Math.min(directAt + 2000, to - 500)
    rig.add(
      {
        'upgrade-wrong': answer.wrongBytes,
        'upgrade-broken': answer.brokenAt === undefined ? 0 : 1,
        'upgrade-stall': longestSilence(progress, openedAt, to),
        'upgrade-before': longestSilence(progress, from + BEGIN_MS, openedAt),
        'upgrade-after': after,
        'upgrade-relayed': rateBetween(progress, from + BEGIN_MS, openedAt),
        'upgrade-direct': rateBetween(progress, settledAt, to),
        'upgrade-bytes': (answer.bytes.at(-1) ?? 0) / 1e6,
      },
      round,
      [plotOf('upgrade-direct', 'relay to direct', answer, [{ at: openedAt, text: 'way open' }])],
    )
  } finally {
    await pair.close()
  }
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
  metrics: figures('cut', [
    ['cut-silence', 'path cut: silence, median', 'ms', 'lower'],
    ['cut-silence-p99', 'path cut: silence, 99th percentile', 'ms', 'lower'],
    ['cut-back', 'path whole again: direct after', 'ms', 'lower'],
    ['cut-broken', 'path cut: connections lost', '', 'lower'],
    ['cut-wrong', 'path cut: bytes wrong', '', 'lower'],
  ]),
  goals: [
    bound('cut-silence', { atMost: 700 }),
    bound('cut-silence-p99', { atMost: 1500 }),
    bound('cut-broken', { atMost: 0 }),
    bound('cut-wrong', { atMost: 0 }),
  ],
  includes: isUsual,
  run: async rig => {
    const silences: number[] = []
    await repeat(rig, { count: roundsOf(rig), what: 'path cut' }, async round => {
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
      plotOf('cut-silence', 'path cut', answer, cutTimes.map(at => ({ at, text: 'cut' }))),
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

function progressOf({ at, bytes }: DownloadAnswer): Progress {
  return { at: Float64Array.from(at), bytes: Float64Array.from(bytes) }
}

function plotOf(
  id: string,
  title: string,
  answer: DownloadAnswer,
  marks: readonly { readonly at: number; readonly text: string }[],
): TimelinePlot {
  const { startedAt: from } = answer
  const stepMs = 100
  const points = rateSteps(progressOf(answer), { from, to: answer.at.at(-1) ?? from, stepMs })
  const texts = marks.map(({ at, text }) => ({ atMs: at - from, text }))
  return { kind: 'timeline', id, title, unit: 'Mbit/s', stepMs, points, marks: texts }
}
