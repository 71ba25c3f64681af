// Our programs and real frp's in one tunnel, either way round, over every transport that both have;
// and two of ours in the same. One tunnel for each carries all kinds of tcp proxies at once.

import t from 'tap'
import {
  exchange,
  exchangeService,
  type Makers,
  openPrograms,
  skipReason,
  TRANSPORTS,
} from './programs.ts'

const MIB = 1 << 20

const LAYERS = {
  plain: [],
  encrypted: ['transport.useEncryption = true'],
  compressed: ['transport.useCompression = true'],
  both: ['transport.useEncryption = true', 'transport.useCompression = true'],
}

/**
 * 192 KiB each way pass a bucket that holds 256 KiB and gets 256 KiB a second: 500 ms. A real frp
 * waits after it has written, so its last chunk is not held up: some 100 ms less. Without a limit
 * they take 10 ms.
 */
const LIMITED_BYTES = 192 << 10
const LIMITED_TAKES_MS = 300

const LIMITS = {
  'limited-client': [
    'transport.bandwidthLimit = "256KB"',
    'transport.bandwidthLimitMode = "client"',
  ],
  'limited-server': [
    'transport.bandwidthLimit = "256KB"',
    'transport.bandwidthLimitMode = "server"',
  ],
}

const MIXES: readonly { title: string; makers: Makers }[] = [
  { title: 'a real frpc and our frps', makers: { frps: 'ours', frpc: 'real' } },
  { title: 'our frpc and a real frps', makers: { frps: 'real', frpc: 'ours' } },
  { title: 'two of ours', makers: { frps: 'ours', frpc: 'ours' } },
]

for (const { title, makers } of MIXES) {
  const isReal = makers.frps === 'real' || makers.frpc === 'real'
  t.test(title, { skip: isReal && skipReason() }, async t => {
    for (const transport of TRANSPORTS) {
      t.test(`${transport.name}: every byte arrives, and a limit holds`, async t => {
        const localPort = await exchangeService(t)
        const proxies = { ...LAYERS, ...LIMITS }
        const { ports } = await openPrograms(t, { makers, transport, proxies, localPort })
        for (const name of Object.keys(LAYERS)) {
          const { isIntact, received } = await exchange(t, ports[name] ?? 0, 16 * MIB)
          t.ok(isIntact, `${name}: 16 MiB each way, ${received} came`)
        }
        await Promise.all(
          Object.keys(LIMITS).map(async name => {
            const { isIntact, received, tookMs } = await exchange(t, ports[name] ?? 0, LIMITED_BYTES)
            t.ok(isIntact, `${name}: 192 KiB each way, ${received} came`)
            t.ok(tookMs > LIMITED_TAKES_MS, `${name}: they took ${Math.round(tookMs)} ms`)
          }),
        )
      })
    }
  })
}
