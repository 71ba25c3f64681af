// What does a player feel? Datagrams at a fixed pace to a UDP echo: how many are lost, how long the
// others take, and what they put on the tunnel's link; alone, and while a transfer runs through the
// same client.

import type { Direction } from '../load/messages.ts'
import type { Metric, Unit } from '../report/types.ts'
import type { Site } from '../site.ts'
import { bulkRequest, mbits, ratePlot } from './bulk.ts'
import type { Scenario } from './scenario.ts'
import { EVERYWHERE, latencyPlot, ON_A_LINK, percentiles, WAY } from './window.ts'

const WARM_UP_MS = 500
/** An answer that comes later is of no use to any game. */
const LATE_MS = 1000

export interface GamePace {
  readonly perSecond: number
  readonly payloadBytes: number
  /** The direction of the transfer that runs through the same client. */
  readonly beside?: Direction
}

export function gameScenario({ perSecond, payloadBytes, beside }: GamePace): Scenario {
  const name = beside === undefined ? `game-${perSecond}` : `game-${perSecond}-${beside}`
  const where = beside === undefined ? '' : ` beside a transfer ${WAY[beside]}`
  const title = `game, ${perSecond} x ${payloadBytes} bytes a second${where}`
  const metric = (what: string, words: string, unit: Unit): Metric => ({
    id: `${name}-${what}`,
    title: `${title}, ${words}`,
    unit,
    better: 'lower',
    scenario: name,
  })
  const metrics = {
    p50: metric('p50', 'median', 'ms'),
    p99: metric('p99', 'p99', 'ms'),
    loss: metric('loss', 'lost both ways', '%'),
    link: metric('link', 'on the link both ways', 'kbit/s'),
  }
  const rate: Metric = {
    id: `${name}-bulk`,
    title: `the transfer ${beside === undefined ? '' : WAY[beside]} beside the game`,
    unit: 'Mbit/s',
    better: 'higher',
    scenario: name,
  }
  return {
    name,
    title: `what becomes of ${perSecond} datagrams of ${payloadBytes} bytes a second${where}?`,
    metrics: [
      metrics.p50,
      metrics.p99,
      metrics.loss,
      ...(beside === undefined ? [metrics.link] : [rate]),
    ],
    runsPerRound: 1,
    places: EVERYWHERE,
    defaultPlaces: beside === undefined ? ON_A_LINK : [],
    includes: ({ transport }) => beside === undefined || transport !== 'none',
    run: async rig => {
      const { load, tunnel, measureMs, site } = rig
      const port = tunnel.ports.datagrams
      // The tunnel carries no UDP: nothing to say about it.
      if (port === undefined) return { values: {} }
      const warmUpMs = beside === undefined ? WARM_UP_MS : rig.warmUpMs
      const carried = await carriedBytes(site)
      const bulk = beside && load.ask({ ...bulkRequest(rig, beside), warmUpMs })
      const played = load.ask({
        type: 'game',
        host: tunnel.host,
        port,
        payloadBytes,
        intervalMs: 1000 / perSecond,
        warmUpMs,
        measureMs,
        drainMs: LATE_MS,
      })
      const [transfer, result] = await Promise.all([bulk, played])
      const { samplesMs } = result
      const arrived = samplesMs.filter(value => value <= LATE_MS)
      if (arrived.length === 0) throw new Error('no datagram came back')
      const values = {
        ...percentiles({ samplesMs: arrived }, { [metrics.p50.id]: 50, [metrics.p99.id]: 99 }),
        [metrics.loss.id]: (1 - arrived.length / samplesMs.length) * 100,
      }
      const plots = [latencyPlot(name, title, result)]
      if (transfer !== undefined) {
        return {
          values: { ...values, [rate.id]: mbits(transfer) },
          plots: [...plots, ratePlot({ id: rate.id, title: rate.title, result: transfer })],
        }
      }
      // The direct path has a link of its own.
      if (carried === undefined || tunnel.programs === undefined) return { values, plots }
      const bytes = ((await carriedBytes(site)) ?? carried) - carried
      return {
        values: { ...values, [metrics.link.id]: (bytes * 8) / (warmUpMs + measureMs) },
        plots,
      }
    },
  }
}

/** Undefined where there is no link to look at. */
async function carriedBytes({ link }: Site): Promise<number | undefined> {
  return link === undefined ? undefined : (await link.carried()).bytes
}
