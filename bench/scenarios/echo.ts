// What do the programs themselves add to an answer? 32 bytes there and back, again and again, on one
// connection with noDelay; on a path without delay.

import { median, percentile } from '../stats.ts'
import type { Scenario } from './scenario.ts'
import { doorOf } from './window.ts'

export const echoScenario: Scenario = {
  name: 'echo',
  title: 'what do the programs add to 32 bytes there and back?',
  metrics: [
    {
      id: 'echo-median',
      title: 'echo of 32 bytes, median',
      unit: 'us',
      better: 'lower',
      scenario: 'echo',
    },
    {
      id: 'echo-p99',
      title: 'echo of 32 bytes, 99th percentile',
      unit: 'us',
      better: 'lower',
      scenario: 'echo',
    },
  ],
  // One run keeps the place that the scheduler gave its processes; only other runs show other
  // places.
  runsPerRound: 3,
  places: ['loopback'],
  defaultPlaces: ['loopback'],
  includes: () => true,
  run: async ({ load, tunnel, measureMs }) => {
    const { samplesUs } = await load.ask({
      type: 'echo',
      ...doorOf(tunnel, 'echo'),
      payloadBytes: 32,
      warmUp: 1000,
      samples: 5000,
      limitMs: measureMs * 3,
    })
    return {
      values: { 'echo-median': median(samplesUs), 'echo-p99': percentile(samplesUs, 99) },
      plots: [
        {
          kind: 'latency',
          id: 'echo',
          title: 'echo of 32 bytes',
          samplesMs: Array.from(samplesUs, value => value / 1000),
        },
      ],
    }
  },
}
