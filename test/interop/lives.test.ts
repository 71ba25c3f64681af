// What happens in the life of a tunnel of which one end is a real frp: either end is killed and
// comes back; and settings with which it starts in another way.

import t from 'tap'
import {
  exchange,
  exchangeService,
  type Makers,
  openPrograms,
  type Side,
  skipReason,
  type Transport,
} from './programs.ts'

const KIB = 1 << 10

const skip = skipReason()

const MIXES: readonly { title: string; makers: Makers }[] = [
  { title: 'a real frpc and our frps', makers: { frps: 'ours', frpc: 'real' } },
  { title: 'our frpc and a real frps', makers: { frps: 'real', frpc: 'ours' } },
]

/** A real frps says nothing to a client that it does not know, so only silence tells of its death. */
const SHORT_SILENCE = ['transport.quic.keepalivePeriod = 1', 'transport.quic.maxIdleTimeout = 3']

const TCP: Transport = { name: 'tcp', protocol: 'tcp' }
const QUIC: Transport = {
  name: 'quic',
  protocol: 'quic',
  frps: SHORT_SILENCE,
  frpc: SHORT_SILENCE,
}

for (const { title, makers } of MIXES) {
  for (const transport of [TCP, QUIC]) {
    t.test(`${title} over ${transport.name} work again after a crash`, { skip }, async t => {
      const localPort = await exchangeService(t)
      const proxies = { bytes: [] }
      const programs = await openPrograms(t, { makers, transport, proxies, localPort })
      const port = programs.ports['bytes'] ?? 0
      const sides: readonly Side[] = ['frps', 'frpc']
      for (const side of sides) {
        t.ok((await exchange(t, port, 64 * KIB)).isIntact, 'before')
        await programs.restart(side)
        t.ok((await exchange(t, port, 64 * KIB)).isIntact, `after ${side} was killed and started`)
      }
    })
  }
}

t.test('a real frpc learns at once over quic that our frps was restarted', { skip }, async t => {
  const localPort = await exchangeService(t)
  const programs = await openPrograms(t, {
    makers: { frps: 'ours', frpc: 'real' },
    // Its pings; the idle time-out stays at 30 s.
    transport: { ...QUIC, frps: [], frpc: ['transport.quic.keepalivePeriod = 1'] },
    proxies: { bytes: [] },
    localPort,
  })
  await programs.restart('frps')
  t.notMatch(programs.frpc.stdout, 'timeout: no recent network activity')
  t.ok((await exchange(t, programs.ports['bytes'] ?? 0, 64 * KIB)).isIntact)
})

t.test('our frpc without transport.protocol finds TCP at a real frps', { skip }, async t => {
  const localPort = await exchangeService(t)
  const { frpc, ports } = await openPrograms(t, {
    makers: { frps: 'real', frpc: 'ours' },
    transport: { name: 'none', protocol: '' },
    proxies: { bytes: [] },
    localPort,
  })
  t.match(frpc.stdout, / over tcp\n/)
  t.ok((await exchange(t, ports['bytes'] ?? 0, 64 * KIB)).isIntact)
})

for (const { title, makers } of MIXES) {
  t.test(`${title} agree on the first byte 0x17`, { skip }, async t => {
    const localPort = await exchangeService(t)
    const { ports } = await openPrograms(t, {
      makers,
      transport: { ...TCP, frpc: ['transport.tls.disableCustomTLSFirstByte = false'] },
      proxies: { bytes: [] },
      localPort,
    })
    t.ok((await exchange(t, ports['bytes'] ?? 0, 64 * KIB)).isIntact)
  })
}

for (const poolCount of [-3, 1_000_000]) {
  t.test(`a real frpc with a pool of ${poolCount} does our frps no harm`, { skip }, async t => {
    const localPort = await exchangeService(t)
    const { ports } = await openPrograms(t, {
      makers: { frps: 'ours', frpc: 'real' },
      transport: { ...TCP, frpc: [`transport.poolCount = ${poolCount}`] },
      proxies: { bytes: [] },
      localPort,
    })
    t.ok((await exchange(t, ports['bytes'] ?? 0, 64 * KIB)).isIntact)
  })
}
