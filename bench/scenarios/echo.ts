// What does a keystroke feel? 32 bytes there and back, again and again, on one connection with
// noDelay.

import { median, percentile } from '../stats.ts'
import type { Scenario } from './scenario.ts'

export const echoScenario: Scenario = {
  name: 'echo',
  metrics: [
    { id: 'echo-median', title: 'echo of 32 bytes, median', unit: 'us' },
    { id: 'echo-p99', title: 'echo of 32 bytes, 99th percentile', unit: 'us' }
  ],
  // One run keeps the place that the scheduler gave its processes; only other runs show other
  // places.
  runsPerRound: 3,
  includes: () => true,
  run: async ({ load, tunnel, measureMs }) => {
    const { samplesUs } = await load.ask({
      type: 'echo',
      port: tunnel.ports.echo,
      payloadBytes: 32,
      warmUp: 1000,
      samples: 5000,
      limitMs: measureMs * 3
    })
    return { 'echo-median': median(samplesUs), 'echo-p99': percentile(samplesUs, 99) }
  }
}
