// What does an open connection cost that does nothing? Growth of both programs over 500 of them.

import { settledMemory } from './memory.ts'
import type { Scenario } from './scenario.ts'
import { doorOf } from './window.ts'

const CONNECTIONS = 500
/**
 * Opened and closed before the first look, so that code and pools that any traffic needs are in it.
 */
const WARM_UP_CONNECTIONS = 100

const TITLE = `idle connection (of ${CONNECTIONS})`

export const idleScenario: Scenario = {
  name: 'idle',
  title: 'what memory does a connection take that does nothing?',
  metrics: (['frps', 'frpc'] as const).map(program => ({
    id: `idle-${program}`,
    title: `${TITLE}, ${program} grows by`,
    unit: 'kB',
    better: 'lower',
    scenario: 'idle',
  })),
  runsPerRound: 1,
  places: ['loopback', 'lab'],
  defaultPlaces: ['loopback'],
  includes: ({ name, transport }) => transport !== 'none' && name !== 'ours-quic-1452',
  run: async ({ load, tunnel }) => {
    const door = doorOf(tunnel, 'echo')
    await load.ask({ type: 'hold', ...door, count: WARM_UP_CONNECTIONS })
    await load.ask({ type: 'release' })
    const before = await settledMemory(tunnel)
    await load.ask({ type: 'hold', ...door, count: CONNECTIONS })
    const after = await settledMemory(tunnel)
    return {
      values: {
        'idle-frps': (after.server - before.server) / CONNECTIONS / 1e3,
        'idle-frpc': (after.client - before.client) / CONNECTIONS / 1e3,
      },
    }
  },
}
