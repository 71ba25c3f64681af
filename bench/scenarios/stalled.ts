// A user stops reading while 1 GB waits for him: do the programs take it into memory, and do others
// notice?

import { setTimeout as sleep } from 'node:timers/promises'
import { median, percentile } from '../stats.ts'
import { highestMemory, settledMemory } from './memory.ts'
import type { Rig, Scenario } from './scenario.ts'

const WAITING_BYTES = 1e9
/**
 * At 1.4 Gbit/s, the slowest tunnel measured, a program that takes everything holds it all after
 * this.
 */
const WATCHED_MS = 6000

export const stalledScenario: Scenario = {
  name: 'stalled',
  metrics: [
    { id: 'stalled-frps', title: 'reader stalls, 1 GB waits, frps grows by', unit: 'MB' },
    { id: 'stalled-frpc', title: 'reader stalls, 1 GB waits, frpc grows by', unit: 'MB' },
    { id: 'stalled-taken', title: 'reader stalls, bytes on the way to it', unit: 'MB' },
    { id: 'stalled-echo-median', title: 'echo beside it, median', unit: 'us' },
    { id: 'stalled-echo-p99', title: 'echo beside it, 99th percentile', unit: 'us' },
    { id: 'stalled-bulk', title: 'another stream down beside it', unit: 'Mbit/s' }
  ],
  runsPerRound: 1,
  includes: peer => peer !== 'direct' && peer !== 'ours-quic-1452',
  run: async rig => {
    const { load, tunnel, measureMs } = rig
    await echo(rig) // the code of both programs is warm
    const before = await settledMemory(tunnel)
    await load.ask({ type: 'stall', port: tunnel.ports.source, waitingBytes: WAITING_BYTES })
    const work = sleep(WATCHED_MS / 2).then(() => echo(rig))
    const { memory, result: samplesUs } = await highestMemory(tunnel, WATCHED_MS, work)
    const taken = await load.ask({ type: 'stalledBytes' })
    // Last, because a transfer grows a program for reasons of its own.
    const beside = load.ask({
      type: 'bulk',
      direction: 'down',
      port: tunnel.ports.source,
      warmUpMs: measureMs / 4,
      measureMs: measureMs / 2,
      pids: []
    })
    // A stream that does not move at all is an answer here, and the worst one: 0.
    const bulk = await beside.catch(() => ({ bytes: 0, elapsedMs: 1 }))
    return {
      'stalled-frps': (memory.server - before.server) / 1e6,
      'stalled-frpc': (memory.client - before.client) / 1e6,
      'stalled-taken': taken / 1e6,
      'stalled-echo-median': median(samplesUs),
      'stalled-echo-p99': percentile(samplesUs, 99),
      'stalled-bulk': (bulk.bytes * 8) / 1e3 / bulk.elapsedMs
    }
  }
}

async function echo({ load, tunnel, measureMs }: Rig): Promise<Float64Array> {
  const { samplesUs } = await load.ask({
    type: 'echo',
    port: tunnel.ports.echo,
    payloadBytes: 32,
    warmUp: 200,
    samples: 2000,
    limitMs: measureMs
  })
  return samplesUs
}
