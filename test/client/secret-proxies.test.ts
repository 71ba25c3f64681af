// What a server is told of a secret proxy, by its kind.

import t from 'tap'
import { SecretProxies } from '../../lib/client/secret-proxies.ts'
import { ManualClock } from '../../lib/clock.ts'
import { clientConfigFromValues, type RawValues } from '../../lib/config/index.ts'
import { PREKEY_LIFE_MS } from '../../lib/e2e/index.ts'
import { LocalProxy } from '../../lib/proxy/local.ts'
import type { Draft, ProxyKey } from '../../lib/wire/messages.ts'

const message = { type: 'NewProxy', proxy_name: 'ann.ssh', sk: 'secret' } as const

function setup(values: RawValues = {}): {
  proxies: SecretProxies
  clock: ManualClock
  sent: Draft<ProxyKey>[]
} {
  const proxy = { name: 'ssh', type: 'stcp', secretKey: 'secret', ...values }
  const [config] = clientConfigFromValues({ common: {}, proxies: [proxy] }).proxies
  if (config === undefined) throw new Error('there is one')
  const clock = new ManualClock()
  const local = new LocalProxy(config, { clock, encryptionKey: Buffer.alloc(16), user: 'ann' })
  const sent: Draft<ProxyKey>[] = []
  const proxies = new SecretProxies({
    clock,
    find: name => (name === 'ann.ssh' ? local : undefined),
    send: key => void sent.push(key),
  })
  return { proxies, clock, sent }
}

t.test('a real frps gets the secret, one of ours a prekey instead', async t => {
  const { proxies } = setup()
  proxies.handleLogin([])
  t.strictSame(proxies.register(message), message)
  proxies.handleLogin(['visitor-e2e'])
  t.match(proxies.register(message), { sk: '', quicfrp: { prekey: /^[\w+/]{43}=$/ } })
})

t.test('a proxy that requires end to end is not offered to a real frps', async t => {
  const { proxies } = setup({ requireEndToEnd: true })
  proxies.handleLogin([])
  t.match(proxies.register(message), /requireEndToEnd is set, and this server is no quicfrp server/)
})

t.test('the server gets another prekey every ten minutes, and none after the end', async t => {
  const { proxies, clock, sent } = setup()
  proxies.handleLogin(['visitor-e2e'])
  proxies.register(message)
  clock.advance(PREKEY_LIFE_MS - 1)
  t.equal(sent.length, 0)
  clock.advance(1)
  clock.advance(PREKEY_LIFE_MS)
  t.match(sent, [{ proxy_name: 'ann.ssh' }, { proxy_name: 'ann.ssh' }])
  t.not(sent[0]?.prekey, sent[1]?.prekey)
  proxies.stop()
  clock.advance(PREKEY_LIFE_MS)
  t.equal(sent.length, 2)
})
