// How fast is one TCP stream through the tunnel, each direction, and what CPU do the two programs
// spend for it?

import type { Direction } from '../load/messages.ts'
import type { Scenario } from './scenario.ts'

export function bulkScenario(direction: Direction): Scenario {
  const rate = `bulk-${direction}`
  const cost = `bulk-${direction}-cpu`
  return {
    name: rate,
    metrics: [
      { id: rate, title: `one stream ${direction}`, unit: 'Mbit/s' },
      { id: cost, title: `one stream ${direction}, CPU of frps + frpc`, unit: 's/GB' }
    ],
    runsPerRound: 1,
    includes: () => true,
    run: async ({ load, tunnel, measureMs, warmUpMs }) => {
      const { programs, ports } = tunnel
      const result = await load.ask({
        type: 'bulk',
        direction,
        port: direction === 'down' ? ports.source : ports.sink,
        warmUpMs,
        measureMs,
        pids: programs === undefined ? [] : [programs.server.pid, programs.client.pid]
      })
      const mbits = (result.bytes * 8) / 1e3 / result.elapsedMs
      if (programs === undefined) return { [rate]: mbits }
      return { [rate]: mbits, [cost]: result.cpuSeconds / (result.bytes / 1e9) }
    }
  }
}
