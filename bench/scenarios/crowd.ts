// A full game server: 2,000 players behind one proxy. Does the tunnel lose anything, what does a
// player feel, and what memory does he take?

import type { CrowdRequest, CrowdResult } from '../load/messages.ts'
import type { Metric, Unit } from '../report/types.ts'
import { percentile } from '../stats.ts'
import { settledMemory } from './memory.ts'
import type { Rig, Scenario } from './scenario.ts'

const PLAYERS = 2000
const PER_SECOND = 20
/** quicfrp takes 1,000 new ones a second. */
const JOINS_PER_SECOND = 800
const PAYLOAD_BYTES = 100
const DRAIN_MS = 1000
/**
 * As many packets of few players, so that what any traffic needs is in the first look at the memory
 * already.
 */
const BEFORE = { players: 100, perSecond: 250, measureMs: 3000 }

const TITLE = `${PLAYERS} players, ${PER_SECOND} datagrams a second each`

export const crowdScenario: Scenario = {
  name: 'crowd',
  title: `what becomes of ${PLAYERS} players on one proxy, and what do they cost?`,
  metrics: [
    metric('crowd-lost', 'lost both ways', '%'),
    metric('crowd-p50', 'median', 'ms'),
    metric('crowd-p99', 'p99', 'ms'),
    metric('crowd-cpu', 'CPU of frps + frpc', '%'),
    metric('crowd-frps', 'frps grows for each by', 'kB'),
    metric('crowd-frpc', 'frpc grows for each by', 'kB'),
  ],
  runsPerRound: 1,
  places: ['loopback'],
  defaultPlaces: [],
  includes: ({ transport }) => transport !== 'none',
  run: async rig => {
    const { tunnel, measureMs } = rig
    if (tunnel.ports.datagrams === undefined) return { values: {} }
    await crowd(rig, BEFORE)
    const before = await settledMemory(tunnel)
    const result = await crowd(rig, { players: PLAYERS, perSecond: PER_SECOND, measureMs })
    const after = await settledMemory(tunnel)
    const { sent, answered, droppedByLoad, samplesMs, cpuSeconds } = result
    if (answered === 0) throw new Error('no datagram came back')
    return {
      values: {
        'crowd-lost': (Math.max(0, sent - answered - droppedByLoad) / sent) * 100,
        'crowd-p50': percentile(samplesMs, 50),
        'crowd-p99': percentile(samplesMs, 99),
        'crowd-cpu': (cpuSeconds / (measureMs / 1000)) * 100,
        'crowd-frps': (after.server - before.server) / PLAYERS / 1e3,
        'crowd-frpc': (after.client - before.client) / PLAYERS / 1e3,
      },
    }
  },
}

function metric(id: string, what: string, unit: Unit): Metric {
  return { id, title: `${TITLE}: ${what}`, unit, better: 'lower', scenario: 'crowd' }
}

function crowd(
  { load, tunnel, warmUpMs }: Rig,
  players: Pick<CrowdRequest, 'players' | 'perSecond' | 'measureMs'>,
): Promise<CrowdResult> {
  const { programs } = tunnel
  return load.ask({
    type: 'crowd',
    host: tunnel.host,
    port: tunnel.ports.datagrams ?? 0,
    joinsPerSecond: JOINS_PER_SECOND,
    payloadBytes: PAYLOAD_BYTES,
    warmUpMs,
    drainMs: DRAIN_MS,
    pids: programs === undefined ? [] : [programs.server.pid, programs.client.pid],
    ...players,
  })
}
