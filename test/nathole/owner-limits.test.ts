import t from 'tap'
import { systemClock } from '../../lib/clock.ts'
import { clientConfigFromValues } from '../../lib/config/index.ts'
import { silentLogger } from '../../lib/log.ts'
import { serveFrpHole } from '../../lib/proxy/frp-hole.ts'
import { LocalLeg } from '../../lib/proxy/local-leg.ts'
import type { Stream } from '../../lib/transport/transport.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import { duplexPair } from '../support/duplex-pair.ts'

const NEVER = { ask: () => new Promise<never>(() => {}), send: () => {} }

t.test('an owner opens sixteen holes at once, whatever frps says', async t => {
  const [config] = clientConfigFromValues({
    common: {},
    proxies: [{ name: 'x', type: 'xtcp', secretKey: 's', localPort: 1 }],
  }).proxies
  if (config?.type !== 'xtcp') throw new Error('not of type xtcp')
  const leg = new LocalLeg(config, { encryptionKey: deriveKey(''), clock: systemClock })
  const opening = new Set<Stream>()
  const owner = { config, name: 'x', leg, opening }
  const end = new AbortController()
  const network = {
    stunServers: [],
    quic: { keepaliveMs: 1_000, idleTimeoutMs: 1_000, maxStreams: 1 },
  }
  const options = { signalling: NEVER, network, log: silentLogger, signal: end.signal }
  const begin = (): { readonly stream: Stream; readonly done: Promise<unknown> } => {
    const [stream] = duplexPair()
    return { stream, done: serveFrpHole(owner, stream, options) }
  }
  const first = Array.from({ length: 16 }, begin)
  for (const { done } of first) done.catch(() => {})
  const { stream, done } = begin()
  await t.rejects(done, { code: 'LIMIT_EXCEEDED' })
  t.ok(stream.destroyed)
  for (const one of first) one.stream.destroy()
  await Promise.allSettled(first.map(({ done }) => done))
  t.equal(opening.size, 0, 'and what failed makes room')
})
