// How fast is one TCP stream through the tunnel, each direction, and what CPU do the two programs
// spend for it?

import type { BulkRequest, BulkResult, Direction, EpochMs } from '../load/messages.ts'
import { rateSteps } from '../load/progress.ts'
import type { TimelinePlot } from '../report/types.ts'
import type { Rig, Scenario } from './scenario.ts'
import { doorOf, EVERYWHERE, WAY } from './window.ts'

const STEP_MS = 100

export function bulkScenario(direction: Direction): Scenario {
  const rate = `bulk-${direction}`
  const cost = `bulk-${direction}-cpu`
  const title = `one stream ${WAY[direction]}`
  const cpuTitle = `${title}, CPU of frps + frpc`
  return {
    name: rate,
    title: `how fast is one TCP stream ${WAY[direction]}, and what CPU does it take?`,
    metrics: [
      { id: rate, title, unit: 'Mbit/s', better: 'higher', scenario: rate },
      { id: cost, title: cpuTitle, unit: 's/GB', better: 'lower', scenario: rate },
    ],
    runsPerRound: 1,
    places: EVERYWHERE,
    defaultPlaces: EVERYWHERE,
    includes: () => true,
    run: async rig => {
      const { programs } = rig.tunnel
      const pids = programs === undefined ? [] : [programs.server.pid, programs.client.pid]
      const request = bulkRequest(rig, direction)
      const result = await rig.load.ask({ ...request, warmUpMs: rig.warmUpMs, pids })
      const plots = [ratePlot({ id: rate, title, result })]
      const values = { [rate]: mbits(result) }
      if (programs === undefined) return { values, plots }
      return { values: { ...values, [cost]: result.cpuSeconds / (result.bytes / 1e9) }, plots }
    },
  }
}

/** Through the tunnel of the rig, for the length of one figure. */
export function bulkRequest(
  { tunnel, warmUpMs, measureMs }: Rig,
  direction: Direction,
): BulkRequest {
  const door = doorOf(tunnel, direction === 'down' ? 'source' : 'sink')
  return { type: 'bulk', direction, ...door, warmUpMs, measureMs, pids: [] }
}

/** Of the measured window. */
export function mbits({ bytes, elapsedMs }: BulkResult): number {
  return (bytes * 8) / 1e3 / elapsedMs
}

/** From the moment when the connection was asked for, warm-up included. */
export function ratePlot({
  id,
  title,
  result: { progress, startedAt },
  marks,
}: {
  readonly id: string
  readonly title: string
  readonly result: BulkResult
  readonly marks?: readonly { readonly at: EpochMs; readonly text: string }[]
}): TimelinePlot {
  const to = progress.at.at(-1) ?? startedAt
  return {
    kind: 'timeline',
    id,
    title,
    unit: 'Mbit/s',
    stepMs: STEP_MS,
    points: rateSteps(progress, { from: startedAt, to, stepMs: STEP_MS }),
    ...(marks && { marks: marks.map(({ at, text }) => ({ atMs: at - startedAt, text })) }),
  }
}
