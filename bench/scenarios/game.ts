// What does a player feel? Datagrams at a fixed pace to a UDP echo: how many are lost, and how long
// the others take.

import type { Scenario } from './scenario.ts'
import { EVERYWHERE, latencyPlot, ON_A_LINK, percentiles } from './window.ts'

const WARM_UP_MS = 500
/** An answer that comes later is of no use to any game. */
const LATE_MS = 1000

export interface GamePace {
  readonly perSecond: number
  readonly payloadBytes: number
}

export function gameScenario({ perSecond, payloadBytes }: GamePace): Scenario {
  const name = `game-${perSecond}`
  const title = `game, ${perSecond} x ${payloadBytes} bytes a second`
  const ids = { p50: `${name}-p50`, p99: `${name}-p99`, loss: `${name}-loss` }
  return {
    name,
    title: `what becomes of ${perSecond} datagrams of ${payloadBytes} bytes a second?`,
    metrics: [
      { id: ids.p50, title: `${title}, median`, unit: 'ms', better: 'lower', scenario: name },
      { id: ids.p99, title: `${title}, p99`, unit: 'ms', better: 'lower', scenario: name },
      {
        id: ids.loss,
        title: `${title}, lost both ways`,
        unit: '%',
        better: 'lower',
        scenario: name,
      },
    ],
    runsPerRound: 1,
    places: EVERYWHERE,
    defaultPlaces: ON_A_LINK,
    includes: () => true,
    run: async ({ load, tunnel, measureMs }) => {
      const port = tunnel.ports.datagrams
      // The tunnel carries no UDP: nothing to say about it.
      if (port === undefined) return { values: {} }
      const result = await load.ask({
        type: 'game',
        host: tunnel.host,
        port,
        payloadBytes,
        intervalMs: 1000 / perSecond,
        warmUpMs: WARM_UP_MS,
        measureMs,
        drainMs: LATE_MS,
      })
      const { samplesMs } = result
      const arrived = samplesMs.filter(value => value <= LATE_MS)
      if (arrived.length === 0) throw new Error('no datagram came back')
      return {
        values: {
          ...percentiles({ samplesMs: arrived }, { [ids.p50]: 50, [ids.p99]: 99 }),
          [ids.loss]: (1 - arrived.length / samplesMs.length) * 100,
        },
        plots: [latencyPlot(name, title, result)],
      }
    },
  }
}
