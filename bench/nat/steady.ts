// A direct path that has been there for a while: what it carries on a long line, and what it costs
// when nobody uses it.

import { setTimeout as sleep } from 'node:timers/promises'
import { rateBetween, rateSteps } from '../load/progress.ts'
import type { Progress } from '../load/messages.ts'
import { withDirectPair } from './attempt.ts'
import { triesOf } from './pairs.ts'
import { bound, figures, isUsual, repeat } from './part.ts'
import type { Figure, Part } from './part.ts'
import type { Place } from './places.ts'

const HOMES: Place = { type: 'apart', visitor: 'port-restricted', owner: 'port-restricted' }
const DIRECT_LIMIT_MS = 25_000

/** Of each line, each way: 120 ms from one machine to the other and back, 140 by the server. */
const LONG_LINE = { delayMs: 30, rateBitsPerSecond: 100e6 }
const LONG_DIRECT_BELOW_MS = 130
const LOSSES = [0, 1] as const
const WARM_UP_MS = 4000
const MEASURE_MS = 8000
const QUICK_MEASURE_MS = 3000

export const punchedPart: Part = {
  name: 'punched',
  title: 'one stream over a punched path, 100 Mbit/s and 120 ms, 0 and 1 % loss on each line',
  metrics: figures(
    'punched',
    LOSSES.map((loss): Figure => [
      `punched-${loss}`,
      `punched path, ${loss} % loss a line`,
      'Mbit/s',
      'higher',
    ]),
  ),
  goals: [bound('punched-0', { atLeast: 88 }), bound('punched-1', { atLeast: 50 })],
  includes: () => true,
  run: async rig => {
    const { world, server, signal } = rig
    const measureMs = rig.isQuick ? QUICK_MEASURE_MS : MEASURE_MS
    for (const loss of LOSSES) {
      const what = `punched path, ${loss} % loss a line`
      await repeat(rig, { count: triesOf(rig), what }, async round => {
        const line = { ...LONG_LINE, loss: loss / 100 }
        const options = {
          place: HOMES,
          conditions: { line },
          limitMs: DIRECT_LIMIT_MS,
          directBelowMs: LONG_DIRECT_BELOW_MS,
        }
        const work = async ({ port }: { readonly port: number }): Promise<void> => {
          const limitMs = WARM_UP_MS + measureMs
          const answer = await world.ask({ type: 'download', port, limitMs }, { signal })
          if (answer.brokenAt !== undefined) throw new Error('the transfer broke off')
          const progress = progressOf(answer)
          const from = answer.startedAt + WARM_UP_MS
          const to = answer.at.at(-1) ?? from
          const { startedAt } = answer
          const points = rateSteps(progress, { from: startedAt, to, stepMs: 100 })
          rig.add({ [`punched-${loss}`]: rateBetween(progress, from, from + measureMs) }, round, [
            {
              kind: 'timeline',
              id: `punched-${loss}`,
              title: what,
              unit: 'Mbit/s',
              stepMs: 100,
              points,
            },
          ])
        }
        await withDirectPair(world, server, options, { signal, work })
      })
    }
  },
}

const IDLE_MS = 60_000
const QUICK_IDLE_MS = 20_000
/** After the last byte: until then what was sent is still acknowledged. */
const QUIET_MS = 5000

export const idlePart: Part = {
  name: 'peer-idle',
  title: 'what a direct path that nobody uses sends, IP headers included',
  metrics: figures('peer-idle', [
    ['peer-idle-direct', 'idle peer, between the two, the busier way', 'B/s', 'lower'],
    ['peer-idle-server', 'idle peer, both clients and frps, the busier way', 'B/s', 'lower'],
  ]),
  goals: [bound('peer-idle-direct', { atMost: 20 })],
  includes: isUsual,
  run: rig =>
    repeat(rig, { count: 1, what: 'idle peer' }, async round => {
      const { world, server, signal } = rig
      const idleMs = rig.isQuick ? QUICK_IDLE_MS : IDLE_MS
      const work = async ({ port }: { readonly port: number }): Promise<void> => {
        const stop = new AbortController()
        // One message, and the connection stays open: what is idle is in use.
        const limitMs = 2 * QUIET_MS + idleMs
        const question = { type: 'echo', port, intervalMs: limitMs, limitMs } as const
        const holding = world.ask(question, { signal, stop: stop.signal })
        holding.catch(() => {}) // awaited below
        try {
          await sleep(QUIET_MS, undefined, { signal })
          const before = await world.crossing()
          await sleep(idleMs, undefined, { signal })
          const after = await world.crossing()
          const perSecond = (key: 'directBytes' | 'serverBytes'): number =>
            Math.max(after[key][0] - before[key][0], after[key][1] - before[key][1]) /
            (idleMs / 1000)
          rig.add(
            {
              'peer-idle-direct': perSecond('directBytes'),
              'peer-idle-server': perSecond('serverBytes'),
            },
            round,
          )
        } finally {
          stop.abort()
          await holding
        }
      }
      const options = { place: HOMES, limitMs: DIRECT_LIMIT_MS }
      await withDirectPair(world, server, options, { signal, work })
    }),
}

function progressOf({
  at,
  bytes,
}: {
  readonly at: readonly number[]
  readonly bytes: readonly number[]
}): Progress {
  return { at: Float64Array.from(at), bytes: Float64Array.from(bytes) }
}
