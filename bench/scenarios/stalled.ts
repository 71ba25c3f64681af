// A user stops reading while 1 GB waits for him: do the programs take it into memory, and do others
// notice?

import { setTimeout as sleep } from 'node:timers/promises'
import type { Metric, Unit } from '../report/types.ts'
import { median, percentile } from '../stats.ts'
import { mbits } from './bulk.ts'
import { highestMemory, settledMemory } from './memory.ts'
import type { Rig, Scenario } from './scenario.ts'
import { doorOf } from './window.ts'

const WAITING_BYTES = 1e9
/**
 * At 1.4 Gbit/s, the slowest tunnel measured, a program that takes everything holds it all after
 * this.
 */
const WATCHED_MS = 6000

export const stalledScenario: Scenario = {
  name: 'stalled',
  title: 'who pays for a user that stops reading?',
  metrics: [
    metric('stalled-frps', 'reader stalls, 1 GB waits, frps grows by', 'MB'),
    metric('stalled-frpc', 'reader stalls, 1 GB waits, frpc grows by', 'MB'),
    metric('stalled-taken', 'reader stalls, bytes on the way to it', 'MB'),
    metric('stalled-echo-median', 'echo beside it, median', 'us'),
    metric('stalled-echo-p99', 'echo beside it, 99th percentile', 'us'),
    metric('stalled-bulk', 'another stream down beside it', 'Mbit/s'),
  ],
  runsPerRound: 1,
  places: ['loopback', 'lab'],
  defaultPlaces: ['loopback'],
  includes: ({ name, transport }) => transport !== 'none' && name !== 'ours-quic-1452',
  run: async rig => {
    const { load, tunnel, measureMs } = rig
    const door = doorOf(tunnel, 'source')
    await echo(rig) // the code of both programs is warm
    const before = await settledMemory(tunnel)
    await load.services.ask({ type: 'limitSource', bytes: WAITING_BYTES })
    await load.ask({ type: 'stall', ...door })
    await load.services.ask({ type: 'limitSource', bytes: Infinity })
    const work = sleep(WATCHED_MS / 2).then(() => echo(rig))
    const { memory, result: samplesUs } = await highestMemory(tunnel, WATCHED_MS, work)
    const taken = await load.services.ask({ type: 'sourceBytes' })
    // Last, because a transfer grows a program for reasons of its own.
    const beside = load.ask({
      type: 'bulk',
      direction: 'down',
      ...door,
      warmUpMs: measureMs / 4,
      measureMs: measureMs / 2,
      pids: [],
    })
    return {
      values: {
        'stalled-frps': (memory.server - before.server) / 1e6,
        'stalled-frpc': (memory.client - before.client) / 1e6,
        'stalled-taken': taken / 1e6,
        'stalled-echo-median': median(samplesUs),
        'stalled-echo-p99': percentile(samplesUs, 99),
        // A stream that does not move at all is an answer here, and the worst one: 0.
        'stalled-bulk': await beside.then(mbits, () => 0),
      },
    }
  },
}

function metric(id: string, title: string, unit: Unit): Metric {
  return { id, title, unit, better: unit === 'Mbit/s' ? 'higher' : 'lower', scenario: 'stalled' }
}

async function echo({ load, tunnel, measureMs }: Rig): Promise<Float64Array> {
  const { samplesUs } = await load.ask({
    type: 'echo',
    ...doorOf(tunnel, 'echo'),
    payloadBytes: 32,
    warmUp: 200,
    samples: 2000,
    limitMs: measureMs,
  })
  return samplesUs
}
