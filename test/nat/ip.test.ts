import t from 'tap'
import { canonicalIp, formatIp, ipBytes } from '../../nat/ip.ts'
import { addressScope } from '../../nat/scope.ts'

t.test('all ways to write an IPv6 address are one', async t => {
  for (const ip of ['2001:db8::1', '2001:DB8:0::0:1', '2001:0db8:0000:0000:0000:0000:0000:0001']) {
    t.equal(canonicalIp(ip), '2001:db8::1')
  }
  t.equal(canonicalIp('0:0:0:0:0:0:0:0'), '::')
  t.equal(canonicalIp('::ffff:192.0.2.1'), '::ffff:c000:201')
  t.equal(canonicalIp('1:0:0:0:0:0:0:0'), '1::')
  t.equal(canonicalIp('1:0:0:2:0:0:0:3'), '1:0:0:2::3', 'the longest run')
  t.equal(canonicalIp('1:0:0:2:3:0:0:4'), '1::2:3:0:0:4', 'the first of two')
  t.equal(canonicalIp('1:2:3:0:5:6:7:8'), '1:2:3:0:5:6:7:8', 'a single zero stays')
})

t.test('bytes and text go there and back', async t => {
  for (const ip of ['0.0.0.0', '192.0.2.255', '1:2:3:4:5:6:7:8', 'fe80::abcd', '::1', 'a::']) {
    const bytes = ipBytes(ip)
    t.equal(bytes && formatIp(bytes), ip)
  }
})

t.test('what is no address, or has a zone, has no bytes', async t => {
  for (const ip of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', 'fe80::1%eth0', ':::', 'example.org']) {
    t.equal(ipBytes(ip), undefined)
    t.equal(canonicalIp(ip), ip)
  }
})

const SCOPES = {
  unusable: [
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    'ff02::1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:4136:e378::1',
    'example.org',
    'fe80::1%eth0',
  ],
  loopback: ['127.0.0.1', '127.255.0.1', '::1'],
  'link-local': ['169.254.169.254', 'fe80::1', 'febf::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.1', '192.168.1.1', 'fd00::1', 'fc12::1'],
  carrier: ['100.64.0.1', '100.127.255.255'],
  global: ['1.1.1.1', '100.63.0.1', '172.32.0.1', '203.0.113.1', '2001:db8::1', '2a00::1'],
} as const

t.test('an address belongs to its range', async t => {
  for (const [scope, ips] of Object.entries(SCOPES)) {
    for (const ip of ips) t.equal(addressScope(ip), scope, ip)
  }
})
