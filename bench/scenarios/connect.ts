// How many short connections a second: open, one byte there and back, close.

import type { Scenario } from './scenario.ts'

export function connectScenario(parallel: number): Scenario {
  const id = `connect-${parallel}`
  return {
    name: id,
    metrics: [{ id, title: `new connections, ${parallel} at once`, unit: '1/s' }],
    runsPerRound: 1,
    includes: () => true,
    run: async ({ load, tunnel, measureMs, warmUpMs }) => {
      const { completed, elapsedMs } = await load.ask({
        type: 'connect',
        port: tunnel.ports.echo,
        parallel,
        // A control path has more code than a transfer, and each connection runs it only once.
        warmUpMs: warmUpMs * 2,
        measureMs
      })
      return { [id]: completed / (elapsedMs / 1000) }
    }
  }
}
