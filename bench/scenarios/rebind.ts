// What happens when the client's address changes under a running tunnel: a NAT that forgot its
// mapping (rebind), or another public address (move)? During a transfer, and during a session in
// which somebody types after a pause.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Direction, EpochMs } from '../load/messages.ts'
import { epochNow, longestSilence } from '../load/progress.ts'
import type { Metric } from '../report/types.ts'
import type { LinkControl } from '../site.ts'
import { bulkRequest, ratePlot } from './bulk.ts'
import type { Outcome, Rig, Scenario } from './scenario.ts'
import { doorOf, DRAIN_MS, latencyPlot, WAY } from './window.ts'

export type AddressChange = 'rebind' | 'move'
export type Occupation = Direction | 'idle'

/**
 * What is watched after the change. A connection that is silent for so long counts as lost, like one
 * that was closed: its user has given it up.
 */
const WATCHED_MS = 6000
/** Long enough for what a program sends of its own accord to fall silent, or not. */
const IDLE_MS = 3000
const KEYSTROKE_MS = 50

export function rebindScenario(change: AddressChange, during: Occupation): Scenario {
  const name = `${change}-${during}`
  const what = change === 'rebind' ? 'NAT rebinding' : 'new public address'
  const when = during === 'idle' ? 'an idle session' : `a transfer ${WAY[during]}`
  const title = `${what} in ${when}`
  const ids = { gap: `${name}-gap`, broken: `${name}-broken` }
  const metrics: Metric[] = [
    { id: ids.gap, title: `${title}: silence`, unit: 'ms', better: 'lower', scenario: name },
    { id: ids.broken, title: `${title}: lost`, unit: '', better: 'lower', scenario: name },
  ]
  return {
    name,
    title: `does a connection outlive a ${what} in ${when}?`,
    metrics,
    runsPerRound: 1,
    places: ['lab'],
    defaultPlaces: [],
    includes: ({ transport }) => transport !== 'none',
    run: async rig => {
      const { link } = rig.site
      if (link === undefined) throw new Error('there is no link whose addresses could change')
      const shown = { id: name, title, what, ids, act: () => changeAddress(link, change) }
      return during === 'idle' ? typing(rig, shown) : transfer(rig, during, shown)
    },
  }
}

interface Question {
  readonly id: string
  readonly title: string
  readonly what: string
  readonly ids: { readonly gap: string; readonly broken: string }
  act(): Promise<void>
}

async function transfer(rig: Rig, direction: Direction, question: Question): Promise<Outcome> {
  const { id, title, what, ids } = question
  const warmUpMs = rig.warmUpMs
  const running = rig.load.ask({
    ...bulkRequest(rig, direction),
    warmUpMs,
    measureMs: WATCHED_MS,
    mayBreak: true,
  })
  const [result, changedAt] = await Promise.all([
    running,
    sleep(warmUpMs).then(async () => {
      const at = epochNow()
      await question.act()
      return at
    }),
  ])
  const plots = [ratePlot({ id, title, result, marks: [{ at: changedAt, text: what }] })]
  if (result.brokenAt !== undefined) return { values: { [ids.broken]: 1 }, plots }
  // The reports of a stream that is still silent have not come either.
  const until = changedAt + WATCHED_MS - 500
  const gap = longestSilence(result.progress, changedAt, until)
  if (gap >= until - changedAt) return { values: { [ids.broken]: 1 }, plots }
  return { values: { [ids.gap]: gap, [ids.broken]: 0 }, plots }
}

async function typing({ load, tunnel }: Rig, question: Question): Promise<Outcome> {
  const { id, title, ids } = question
  // The connection is opened and used once, and left alone until then.
  const startAt = epochNow() + 1000 + IDLE_MS
  const [keys, changedAt] = await Promise.all([
    load.ask({
      type: 'keystroke',
      ...doorOf(tunnel, 'echo'),
      payloadBytes: 32,
      intervalMs: KEYSTROKE_MS,
      warmUpMs: 0,
      measureMs: WATCHED_MS - DRAIN_MS,
      drainMs: DRAIN_MS,
      mayBreak: true,
      startAt,
    }),
    sleep(startAt - epochNow()).then(async (): Promise<EpochMs> => {
      const at = epochNow()
      await question.act()
      return at
    }),
  ])
  const answeredAt = keys.samplesMs
    .map((value, index) => (keys.sentAt[index] ?? NaN) + value)
    // What was sent in the same millisecond may have passed before the change.
    .filter((at, index) => (keys.sentAt[index] ?? 0) > changedAt && Number.isFinite(at))
  const plots = [latencyPlot(id, title, keys)]
  if (keys.brokenAt !== undefined || answeredAt.length === 0) {
    return { values: { [ids.broken]: 1 }, plots }
  }
  const gap = Math.min(...answeredAt) - changedAt
  return { values: { [ids.gap]: gap, [ids.broken]: 0 }, plots }
}

function changeAddress(link: LinkControl, change: AddressChange): Promise<void> {
  return change === 'rebind' ? link.resetNat() : link.moveClient()
}
