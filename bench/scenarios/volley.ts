// How many datagrams of one player can the programs take there and back, and what do they cost? 100
// bytes, 32 of them always under way, on a path without delay.

import type { Scenario } from './scenario.ts'

const OUTSTANDING = 32
const PAYLOAD_BYTES = 100
const TITLE = `datagrams of ${PAYLOAD_BYTES} bytes there and back, ${OUTSTANDING} under way`

export const volleyScenario: Scenario = {
  name: 'volley',
  title: `how many datagrams go there and back, ${OUTSTANDING} at a time?`,
  metrics: [
    { id: 'volley-rate', title: TITLE, unit: '1/s', better: 'higher', scenario: 'volley' },
    {
      id: 'volley-cpu',
      title: `${TITLE}, CPU of frps + frpc for one`,
      unit: 'us',
      better: 'lower',
      scenario: 'volley',
    },
    { id: 'volley-lost', title: `${TITLE}, lost`, unit: '%', better: 'lower', scenario: 'volley' },
  ],
  // As for `echo`: the place that the scheduler gave a program stays for a run.
  runsPerRound: 3,
  places: ['loopback'],
  defaultPlaces: [],
  includes: () => true,
  run: async ({ load, tunnel, warmUpMs, measureMs }) => {
    const port = tunnel.ports.datagrams
    if (port === undefined) return { values: {} }
    const { programs } = tunnel
    const { answered, lost, elapsedMs, cpuSeconds } = await load.ask({
      type: 'volley',
      host: tunnel.host,
      port,
      outstanding: OUTSTANDING,
      payloadBytes: PAYLOAD_BYTES,
      warmUpMs,
      measureMs,
      pids: programs === undefined ? [] : [programs.server.pid, programs.client.pid],
    })
    if (answered === 0) throw new Error('no datagram came back')
    return {
      values: {
        'volley-rate': answered / (elapsedMs / 1000),
        ...(programs !== undefined && { 'volley-cpu': (cpuSeconds * 1e6) / answered }),
        'volley-lost': (lost / (answered + lost)) * 100,
      },
    }
  },
}
