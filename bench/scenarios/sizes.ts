// Do long datagrams arrive whole? What fits into a packet, what has to be cut into several, and the
// longest there is.

import type { Scenario } from './scenario.ts'
import { EVERYWHERE, ON_A_LINK } from './window.ts'

const SIZES = [1400, 8000, 65_507]
const COUNT = 10
const WAIT_MS = 1000

const idOf = (bytes: number): string => `sizes-${bytes}`

export const sizesScenario: Scenario = {
  name: 'sizes',
  title: `do datagrams of ${SIZES.join(', ')} bytes arrive whole?`,
  metrics: SIZES.map(bytes => ({
    id: idOf(bytes),
    title: `datagrams of ${bytes} bytes that come back whole`,
    unit: '%',
    better: 'higher',
    scenario: 'sizes',
  })),
  runsPerRound: 1,
  places: EVERYWHERE,
  defaultPlaces: ON_A_LINK,
  includes: ({ transport }) => transport !== 'none',
  run: async ({ load, tunnel }) => {
    const { host } = tunnel
    const port = tunnel.ports.datagrams
    if (port === undefined) return { values: {} }
    const request = { type: 'sizes', host, port, count: COUNT, waitMs: WAIT_MS } as const
    const { whole } = await load.ask({ ...request, sizes: SIZES })
    const values = SIZES.map((bytes, index) => [idOf(bytes), ((whole[index] ?? 0) / COUNT) * 100])
    return { values: Object.fromEntries(values) }
  },
}
