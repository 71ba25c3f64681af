// How many short connections a second: open, one byte there and back, close. And on a link: how long
// does a new connection wait for its first byte?

import { median, percentile } from '../stats.ts'
import type { Scenario } from './scenario.ts'
import { doorOf, ON_A_LINK } from './window.ts'

export function connectScenario(parallel: number): Scenario {
  const id = `connect-${parallel}`
  const title = `new connections, ${parallel} at once`
  return {
    name: id,
    title: `how many short connections a second, ${parallel} at once?`,
    metrics: [{ id, title, unit: '1/s', better: 'higher', scenario: id }],
    runsPerRound: 1,
    places: ['loopback'],
    defaultPlaces: ['loopback'],
    includes: () => true,
    run: async ({ load, tunnel, measureMs, warmUpMs }) => {
      const { completed, elapsedMs } = await load.ask({
        type: 'connect',
        ...doorOf(tunnel, 'echo'),
        parallel,
        // A control path has more code than a transfer, and each connection runs it only once.
        warmUpMs: warmUpMs * 2,
        measureMs,
      })
      return { values: { [id]: completed / (elapsedMs / 1000) } }
    },
  }
}

/** As many as a browser opens to one host. A pool of prepared work connections is empty then. */
const AT_ONCE = 6
/** A pool is filled again in it. */
const PAUSE_MS = 300
const WAVES = 5
/** What the way itself costs: one at a time, so that none waits for another one's turn. */
const ALONE = 12

const NAME = 'connect-first-byte'
const TITLE = `new connection (${AT_ONCE} at once), request to first byte`
const ALONE_TITLE = 'new connection alone, request to first byte, round trips'

export const firstByteScenario: Scenario = {
  name: NAME,
  title: 'how long does a new connection wait for its first byte?',
  metrics: [
    { id: NAME, title: TITLE, unit: 'ms', better: 'lower', scenario: NAME },
    { id: `${NAME}-p90`, title: `${TITLE}, p90`, unit: 'ms', better: 'lower', scenario: NAME },
    { id: `${NAME}-rtt`, title: ALONE_TITLE, unit: 'rtt', better: 'lower', scenario: NAME },
  ],
  runsPerRound: 1,
  places: ON_A_LINK,
  defaultPlaces: ON_A_LINK,
  includes: () => true,
  run: async ({ load, tunnel, site }) => {
    const request = { type: 'firstByte', ...doorOf(tunnel, 'echo'), pauseMs: PAUSE_MS } as const
    const { answerMs } = await load.ask({ ...request, parallel: AT_ONCE, waves: WAVES })
    const alone = await load.ask({ ...request, parallel: 1, waves: ALONE, pauseMs: 0 })
    return {
      values: {
        [NAME]: median(answerMs),
        [`${NAME}-p90`]: percentile(answerMs, 90),
        ...(site.link && { [`${NAME}-rtt`]: median(alone.answerMs) / site.link.roundTripMs }),
      },
      plots: [{ kind: 'latency', id: NAME, title: TITLE, samplesMs: [...answerMs] }],
    }
  },
}
