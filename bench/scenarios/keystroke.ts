// What does somebody feel who types? 32 bytes every 50 ms, whether or not the last came back; alone,
// and while a transfer runs through the same client.

import type { Direction } from '../load/messages.ts'
import type { Metric } from '../report/types.ts'
import { bulkRequest, mbits, ratePlot } from './bulk.ts'
import type { Scenario } from './scenario.ts'
import { doorOf, DRAIN_MS, EVERYWHERE, latencyPlot, ON_A_LINK, percentiles, WAY } from './window.ts'

const PAYLOAD_BYTES = 32
const INTERVAL_MS = 50
/** The first ones of a connection pay for its beginning. */
const WARM_UP_MS = 500

/** `beside`: the direction of the transfer that runs through the same client. */
export function keystrokeScenario(beside?: Direction): Scenario {
  const name = beside === undefined ? 'keystroke' : `keystroke-${beside}`
  const where = beside === undefined ? 'alone' : `beside a transfer ${WAY[beside]}`
  const title = `keystroke ${where}`
  const way = beside === undefined ? '' : WAY[beside]
  const ids = { p50: `${name}-p50`, p99: `${name}-p99`, rate: `${name}-bulk` }
  const rate = {
    id: ids.rate,
    title: `the transfer ${way} meanwhile`,
    unit: 'Mbit/s',
    better: 'higher',
    scenario: name,
  } satisfies Metric
  return {
    name,
    title: `how long does a keystroke take ${where}?`,
    metrics: [
      { id: ids.p50, title: `${title}, median`, unit: 'ms', better: 'lower', scenario: name },
      { id: ids.p99, title: `${title}, p99`, unit: 'ms', better: 'lower', scenario: name },
      ...(beside === undefined ? [] : [rate]),
    ],
    runsPerRound: 1,
    places: EVERYWHERE,
    defaultPlaces: ON_A_LINK,
    // Without a tunnel the two are strangers: how the link's queue treats them is not our question.
    includes: ({ transport }) => beside === undefined || transport !== 'none',
    run: async rig => {
      const { load, tunnel, measureMs } = rig
      const warmUpMs = beside === undefined ? WARM_UP_MS : rig.warmUpMs
      const bulk = beside && load.ask({ ...bulkRequest(rig, beside), warmUpMs })
      const typed = load.ask({
        type: 'keystroke',
        ...doorOf(tunnel, 'echo'),
        payloadBytes: PAYLOAD_BYTES,
        intervalMs: INTERVAL_MS,
        warmUpMs,
        measureMs,
        drainMs: DRAIN_MS,
      })
      const [transfer, keys] = await Promise.all([bulk, typed])
      const values = percentiles(keys, { [ids.p50]: 50, [ids.p99]: 99 })
      const plots = [latencyPlot(name, title, keys)]
      if (transfer === undefined) return { values, plots }
      return {
        values: { ...values, [ids.rate]: mbits(transfer) },
        plots: [...plots, ratePlot({ id: ids.rate, title: rate.title, result: transfer })],
      }
    },
  }
}
