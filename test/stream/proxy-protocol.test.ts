import t from 'tap'
import { encodeProxyHeader } from '../../lib/stream/proxy-protocol.ts'

const V4 = { ip: '192.168.0.1', port: 56_324 }
const V4_SERVER = { ip: '10.0.0.11', port: 443 }
const V6 = { ip: '2001:db8::1', port: 56_324 }
const V6_SERVER = { ip: '::1', port: 443 }
const SIGNATURE = '0d0a0d0a000d0a515549540a'

t.test('version 1 is one line of text', async t => {
  t.equal(
    encodeProxyHeader({ version: 'v1', source: V4, destination: V4_SERVER }).toString(),
    'PROXY TCP4 192.168.0.1 10.0.0.11 56324 443\r\n',
  )
  t.equal(
    encodeProxyHeader({ version: 'v1', source: V6, destination: V6_SERVER }).toString(),
    'PROXY TCP6 2001:db8::1 ::1 56324 443\r\n',
  )
})

t.test('version 2 is binary', async t => {
  t.equal(
    encodeProxyHeader({ version: 'v2', source: V4, destination: V4_SERVER }).toString('hex'),
    `${SIGNATURE}2111000c${'c0a80001'}${'0a00000b'}${'dc04'}${'01bb'}`,
  )
  t.equal(
    encodeProxyHeader({ version: 'v2', source: V6, destination: V6_SERVER }).toString('hex'),
    `${SIGNATURE}21210024${'20010db8000000000000000000000001'}${'0'.repeat(31)}1${'dc04'}${'01bb'}`,
  )
})

t.test('mixed families are written as IPv6', async t => {
  t.equal(
    encodeProxyHeader({ version: 'v1', source: V6, destination: V4_SERVER }).toString(),
    'PROXY TCP6 2001:db8::1 ::ffff:10.0.0.11 56324 443\r\n',
  )
  const binary = encodeProxyHeader({ version: 'v2', source: V4, destination: V6_SERVER })
  t.equal(binary.toString('hex', 12, 32), `21210024${'0'.repeat(20)}ffffc0a80001`)
})

t.test('an IPv4 address in its IPv6 form is IPv4', async t => {
  const source = { ip: '::ffff:192.168.0.1', port: 56_324 }
  t.match(
    encodeProxyHeader({ version: 'v1', source, destination: V4_SERVER }).toString(),
    /^PROXY TCP4 192\.168\.0\.1 10/,
  )
})

t.test('every way to write an IPv6 address gives its bytes, without the zone', async t => {
  const cases: [string, string][] = [
    ['::', '0'.repeat(32)],
    ['1::', `0001${'0'.repeat(28)}`],
    ['fe80::1:2%eth0', `fe80${'0'.repeat(20)}00010002`],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['64:ff9b::1.2.3.4', `0064ff9b${'0'.repeat(16)}01020304`],
  ]
  for (const [ip, bytes] of cases) {
    const header = encodeProxyHeader({
      version: 'v2',
      source: { ip, port: 1 },
      destination: V6_SERVER,
    })
    t.equal(header.toString('hex', 16, 32), bytes, ip)
  }
})

t.test('datagrams are marked in version 2 and unknown in version 1', async t => {
  const addresses = { source: V4, destination: V4_SERVER, network: 'udp' } as const
  t.equal(encodeProxyHeader({ version: 'v2', ...addresses })[13], 0x12)
  t.equal(encodeProxyHeader({ version: 'v1', ...addresses }).toString(), 'PROXY UNKNOWN\r\n')
})
