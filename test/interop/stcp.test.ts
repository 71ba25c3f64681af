// stcp in all mixes of the three places with real frp, over tcp and quic, with each kind of layers.

import t from 'tap'
import { readAll, user } from '../compliance/tunnel.ts'
import { exchange, exchangeService, skipReason } from './programs.ts'
import { MIXES, openVisits, PAIRS, titleOf } from './visits.ts'

const TRANSPORTS = [
  { name: 'tcp', protocol: 'tcp' },
  { name: 'quic', protocol: 'quic' },
] as const

for (const mix of MIXES) {
  t.test(titleOf(mix), { skip: skipReason() }, async t => {
    for (const transport of TRANSPORTS) {
      t.test(`${transport.name}: every byte arrives`, async t => {
        const localPort = await exchangeService(t)
        const visits = await openVisits(t, { mix, transport, type: 'stcp', pairs: PAIRS, localPort })
        const all = Object.entries(visits.ports).map(async ([name, port]) => {
          for (const length of [1_000, 1 << 20]) {
            const { isIntact, received } = await exchange(t, port, length)
            t.ok(isIntact, `${name}: ${length} bytes each way, ${received} came`)
          }
        })
        await Promise.all(all)
      })
    }
  })
}

t.test('an owner of ours refuses real visitors as frps does', { skip: skipReason() }, async t => {
  const localPort = await exchangeService(t)
  const { ports, visitor } = await openVisits(t, {
    mix: { frps: 'ours', owner: 'ours', visitor: 'real' },
    transport: { name: 'quic', protocol: 'quic' },
    type: 'stcp',
    pairs: {
      wrong: { visitor: ['secretKey = "open barley"'] },
      strict: { proxy: ['requireEndToEnd = true'] },
      right: {},
    },
    localPort,
  })
  t.equal((await readAll(await user(t, ports['wrong'] ?? 0))).length, 0)
  await visitor.printed('visitor connection of [ann.wrong] auth failed')
  t.equal((await readAll(await user(t, ports['strict'] ?? 0))).length, 0)
  await visitor.printed('visitor connection of [ann.strict] is not end to end')
  const { isIntact } = await exchange(t, ports['right'] ?? 0, 1_000)
  t.ok(isIntact)
})
