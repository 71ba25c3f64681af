// xtcp with protocol = "kcp" in all mixes of the three places with real frp in which a client of
// ours has an end of the tunnel. Loopback, whose addresses are those that a STUN server sees.

import t from 'tap'
import { stunServer } from '../nathole/stun-server.ts'
import { exchange, exchangeService, skipReason } from './programs.ts'
import { MIXES, openVisits, PAIRS, titleOf } from './visits.ts'

const KCP = ['protocol = "kcp"']
const NAMES = ['plain', 'both']

const mixes = MIXES.filter(({ owner, visitor }) => owner === 'ours' || visitor === 'ours')

for (const mix of mixes) {
  t.test(titleOf(mix), { skip: skipReason() }, async t => {
    const localPort = await exchangeService(t)
    const { address } = await stunServer(t)
    const visits = await openVisits(t, {
      mix,
      transport: { name: 'tcp', protocol: 'tcp', frpc: [`natHoleStunServer = "${address}"`] },
      type: 'xtcp',
      pairs: Object.fromEntries(
        NAMES.map(name => {
          const { proxy = [], visitor = [] } = PAIRS[name] ?? {}
          return [name, { proxy, visitor: [...visitor, ...KCP] }]
        }),
      ),
      localPort,
    })
    for (const [name, port] of Object.entries(visits.ports)) {
      for (const length of [1_000, 16 << 20]) {
        const { isIntact, received, tookMs } = await exchange(t, port, length)
        t.ok(isIntact, `${name}: ${length} bytes each way, ${received} came`)
        t.comment(`${name}: ${length} bytes each way in ${Math.round(tookMs)} ms`)
      }
    }
  })
}
