import t from 'tap'
import { networkFingerprint } from '../../lib/client/network.ts'

const v4 = (address: string) => ({ address, family: 'IPv4', internal: false })
const v6 = (address: string) => ({ address, family: 'IPv6', internal: false })

t.test('the order of interfaces and addresses does not matter', async t => {
  const one = networkFingerprint({ a: [v4('10.0.0.1'), v4('10.0.0.2')], b: [v4('10.1.0.1')] })
  const other = networkFingerprint({ b: [v4('10.1.0.1')], a: [v4('10.0.0.2'), v4('10.0.0.1')] })
  t.equal(one, other)
})

t.test('another address or interface is another network', async t => {
  const one = networkFingerprint({ a: [v4('10.0.0.1')] })
  t.not(one, networkFingerprint({ a: [v4('10.0.0.9')] }))
  t.not(one, networkFingerprint({ b: [v4('10.0.0.1')] }))
})

t.test('a new temporary IPv6 address in the same prefix is the same network', async t => {
  const one = networkFingerprint({ a: [v6('2001:db8:1:2:aaaa:bbbb:cccc:dddd')] })
  t.equal(one, networkFingerprint({ a: [v6('2001:db8:1:2::1')] }))
  t.not(one, networkFingerprint({ a: [v6('2001:db8:1:3::1')] }))
})

t.test('loopback and link-local addresses do not count', async t => {
  const lo = { address: '127.0.0.1', family: 'IPv4', internal: true }
  t.equal(networkFingerprint({ lo: [lo], a: [v6('fe80::1')], gone: undefined }), '')
})
