// What does an open connection cost that does nothing? Growth of both programs over 500 of them.

import type { Scenario } from './scenario.ts'
import { settledMemory } from './memory.ts'

const CONNECTIONS = 500
/**
 * Opened and closed before the first look, so that code and pools that any traffic needs are in it.
 */
const WARM_UP_CONNECTIONS = 100

export const idleScenario: Scenario = {
  name: 'idle',
  metrics: [
    { id: 'idle-frps', title: `idle connection (of ${CONNECTIONS}), frps grows by`, unit: 'kB' },
    { id: 'idle-frpc', title: `idle connection (of ${CONNECTIONS}), frpc grows by`, unit: 'kB' }
  ],
  runsPerRound: 1,
  includes: peer => peer !== 'direct' && peer !== 'ours-quic-1452',
  run: async ({ load, tunnel }) => {
    const port = tunnel.ports.echo
    await load.ask({ type: 'hold', port, count: WARM_UP_CONNECTIONS })
    await load.ask({ type: 'release' })
    const before = await settledMemory(tunnel)
    await load.ask({ type: 'hold', port, count: CONNECTIONS })
    const after = await settledMemory(tunnel)
    return {
      'idle-frps': (after.server - before.server) / CONNECTIONS / 1e3,
      'idle-frpc': (after.client - before.client) / CONNECTIONS / 1e3
    }
  }
}
