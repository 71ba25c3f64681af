// Does the tunnel share a link fairly? A transfer through it beside a TCP flow of the kernel between
// the machines of frpc and frps, on the same link and in the same direction.

import type { BulkRequest, Direction } from '../load/messages.ts'
import { LoadSide } from '../load/side.ts'
import { bulkRequest, mbits, ratePlot } from './bulk.ts'
import type { Rig, Scenario } from './scenario.ts'
import { WAY } from './window.ts'

export function besideScenario(direction: Direction): Scenario {
  const name = `beside-${direction}`
  const ids = { own: `${name}-tunnel`, other: `${name}-kernel`, share: `${name}-share` }
  const way = WAY[direction]
  const titles = {
    own: `${way} beside a TCP flow on the link: the tunnel`,
    other: `${way} beside a TCP flow on the link: that flow`,
    share: `${way} beside a TCP flow on the link: share of the tunnel`,
  }
  return {
    name,
    title: `does the tunnel share its link with a TCP flow, ${way}?`,
    metrics: [
      { id: ids.own, title: titles.own, unit: 'Mbit/s', better: 'higher', scenario: name },
      { id: ids.other, title: titles.other, unit: 'Mbit/s', better: 'higher', scenario: name },
      { id: ids.share, title: titles.share, unit: '%', better: 'higher', scenario: name },
    ],
    runsPerRound: 1,
    places: ['lab'],
    defaultPlaces: [],
    // The direct flow has another way to the user, on which it would be alone.
    includes: ({ transport }) => transport !== 'none',
    run: async rig => {
      const far = await LoadSide.start({ site: rig.site, role: 'server' })
      try {
        const warmUpMs = rig.warmUpMs
        const [own, other] = await Promise.all([
          rig.load.ask({ ...bulkRequest(rig, direction), warmUpMs }),
          rig.load.services.ask({ ...kernelFlow(rig, direction, far), warmUpMs }),
        ])
        const rates = { own: mbits(own), other: mbits(other) }
        return {
          values: {
            [ids.own]: rates.own,
            [ids.other]: rates.other,
            [ids.share]: (rates.own / (rates.own + rates.other)) * 100,
          },
          plots: [
            ratePlot({ id: ids.own, title: titles.own, result: own }),
            ratePlot({ id: ids.other, title: titles.other, result: other }),
          ],
        }
      } finally {
        far.close()
      }
    },
  }
}

/**
 * Opened by the machine of frpc, for it is the one behind a NAT; so what is down for the user, from
 * frpc to frps, is up for it.
 */
function kernelFlow(
  { site, warmUpMs, measureMs }: Rig,
  forUser: Direction,
  far: LoadSide,
): BulkRequest {
  const direction = forUser === 'down' ? 'up' : 'down'
  const port = direction === 'up' ? far.ports.sink : far.ports.source
  const host = site.addresses.server
  return { type: 'bulk', direction, host, port, warmUpMs, measureMs, pids: [] }
}
