import t from 'tap'
import { checkNewProxy } from '../../lib/server/new-proxy.ts'
import { newProxy } from './scripted-peer.ts'

t.test('a tcp proxy passes with what it was asked for', async t => {
  const message = newProxy({
    proxy_name: 'ann.ssh',
    remote_port: 6000,
    use_encryption: true,
    use_compression: true,
    metas: { a: '1' },
    annotations: { 'example.com/Team': 'x' },
  })
  t.strictSame(checkNewProxy(message), {
    name: 'ann.ssh',
    type: 'tcp',
    remotePort: 6000,
    useEncryption: true,
    useCompression: true,
    priority: 'auto',
    limitBytesPerSecond: 0,
    metadatas: { a: '1' },
    annotations: { 'example.com/Team': 'x' },
  })
})

t.test('an empty type means tcp, and an unknown one is named', async t => {
  t.equal(checkNewProxy(newProxy({ proxy_type: '' })).type, 'tcp')
  t.throws(() => checkNewProxy(newProxy({ proxy_type: 'gopher' })), /unknown proxy type: gopher/)
  t.throws(() => checkNewProxy(newProxy({ proxy_type: 'constructor' })), /unknown proxy type/)
})

t.test('a priority is one of three words', async t => {
  const asked = (priority: string): string =>
    checkNewProxy(newProxy({ quicfrp: { prekey: '', priority } })).priority
  t.equal(asked(''), 'auto')
  t.equal(asked('interactive'), 'interactive')
  t.equal(asked('bulk'), 'bulk')
  t.throws(() => asked('first'), /none of auto, interactive, bulk/)
})

t.test('the limit counts here only in server mode', async t => {
  const limit = { bandwidth_limit: '1.5MB' }
  t.equal(checkNewProxy(newProxy(limit)).limitBytesPerSecond, 0)
  const inServer = newProxy({ ...limit, bandwidth_limit_mode: 'server' })
  t.equal(checkNewProxy(inServer).limitBytesPerSecond, 1_572_864)
})

t.test('what cannot be served is refused with a reason', async t => {
  const cases: [Parameters<typeof newProxy>[0], RegExp][] = [
    [{ proxy_name: '' }, /name should not be empty/],
    [{ proxy_name: 'x'.repeat(513) }, /name is longer/],
    [{ proxy_name: 'a\nb' }, /control character/],
    [{ remote_port: -1 }, /port not allowed/],
    [{ remote_port: 65_536 }, /port not allowed/],
    [{ group: 'g' }, /group/],
    [{ bandwidth_limit: '5', bandwidth_limit_mode: 'server' }, /unit not support/],
    [{ bandwidth_limit: '1MB', bandwidth_limit_mode: 'middle' }, /should be client or server/],
    [{ annotations: { '-bad': '' } }, /annotation key -bad is invalid/],
    [{ annotations: { 'a/b/c': '' } }, /annotation key/],
    [{ annotations: { ['n'.repeat(64)]: '' } }, /annotation key/],
    [{ annotations: { '/a': '' } }, /annotation key/],
  ]
  for (const [fields, text] of cases) {
    t.throws(() => checkNewProxy(newProxy(fields)), text, JSON.stringify(fields).slice(0, 60))
  }
})
