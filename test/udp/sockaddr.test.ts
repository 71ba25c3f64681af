import t from 'tap'
import { AF_INET, AF_INET6, readSockaddr, writeSockaddr } from '../../lib/udp/sockaddr.ts'

t.test('addresses survive the way through bytes', async t => {
  const texts = [
    '::1',
    '::',
    'fe80::1',
    '2001:db8::8:800:200c:417a',
    '1:2:3:4:5:6:7:8',
    '1::8',
    '2001:db8:0:1:1:1:1:1',
  ]
  for (const ip of texts) {
    const bytes = Buffer.alloc(28)
    t.equal(writeSockaddr(bytes, { ip, port: 7000 }, AF_INET6), 28)
    t.strictSame(readSockaddr(bytes), { ip, port: 7000 })
  }
})

t.test('IPv4 on an IPv6 socket is mapped and comes back plain', async t => {
  const bytes = Buffer.alloc(28)
  writeSockaddr(bytes, { ip: '192.0.2.7', port: 1 }, AF_INET6)
  t.equal(bytes.toString('hex', 8, 24), '00000000000000000000ffffc0000207')
  t.strictSame(readSockaddr(bytes), { ip: '192.0.2.7', port: 1 })
})

t.test('IPv4 sockets use sockaddr_in', async t => {
  const bytes = Buffer.alloc(28)
  t.equal(writeSockaddr(bytes, { ip: '127.0.0.1', port: 0x1234 }, AF_INET), 16)
  t.equal(bytes.toString('hex', 0, 8), '020012347f000001')
  t.strictSame(readSockaddr(bytes), { ip: '127.0.0.1', port: 0x1234 })
})

t.test('a dotted tail and a zone are understood', async t => {
  const bytes = Buffer.alloc(28)
  writeSockaddr(bytes, { ip: '64:ff9b::1.2.3.4', port: 1 }, AF_INET6)
  t.equal(readSockaddr(bytes).ip, '64:ff9b::102:304')
  writeSockaddr(bytes, { ip: 'fe80::1%eth0', port: 1 }, AF_INET6)
  t.equal(readSockaddr(bytes).ip, 'fe80::1')
})
