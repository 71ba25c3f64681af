import t from 'tap'
import type { Address } from '../../lib/address.ts'
import { loopbackFor } from '../../lib/proxy/loopback.ts'
import { PacketHold } from '../../lib/proxy/packet-hold.ts'
import { type UdpUser, UdpUsers } from '../../lib/proxy/udp-users.ts'

function users(options: { maxUsers?: number; maxPerIp?: number } = {}): UdpUsers<string> {
  return new UdpUsers({ maxUsers: 100, maxPerIp: 100, idleMs: 30_000, ...options })
}

function address(index: number): Address {
  return { ip: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, port: 5_555 }
}

/** A user who has been answered and went on. */
function proven(table: UdpUsers<string>, from: Address, now: number): UdpUser<string> {
  const user = table.admit(from, now)?.user
  if (!user) throw new Error('no place')
  table.handleAnswer(user, now)
  table.handlePacket(from, now)
  return user
}

t.test('a user is known by his address, whichever object brings it', async t => {
  const table = users()
  const from = address(1)
  t.equal(table.handlePacket(from, 0), undefined)
  const user = table.admit(from, 0)?.user
  t.equal(table.handlePacket(from, 0), user)
  t.equal(table.handlePacket(address(1), 0), user)
  t.equal(table.handlePacket(from, 0), user)
  t.equal(table.size, 1)
  if (user) table.remove(user)
  t.equal(table.handlePacket(from, 0), undefined)
})

t.test('silence ends a session, packets and answers keep it', async t => {
  const table = users()
  const [a, b] = [address(1), address(2)]
  table.admit(a, 0)
  const user = table.admit(b, 0)?.user
  t.equal(table.deadline(), 30_000)
  table.handlePacket(a, 10_000)
  if (user) table.handleAnswer(user, 20_000)
  t.equal(table.poll(39_999), undefined)
  t.equal(table.poll(40_000)?.address, a)
  t.equal(table.deadline(), 50_000)
  t.equal(table.poll(50_000)?.address, b)
  t.equal(table.deadline(), undefined)
})

t.test('a full table gives the place of the one who was heard of longest ago', async t => {
  const table = users({ maxUsers: 3 })
  for (let i = 0; i < 3; i++) table.admit(address(i), i)
  table.handlePacket(address(0), 10)
  const admitted = table.admit(address(3), 11)
  t.equal(admitted?.evicted?.key, '10.0.0.1:5555')
  t.equal(table.size, 3)
})

t.test('a flood of made-up addresses pushes out no player who plays', async t => {
  const table = users({ maxUsers: 1_000, maxPerIp: 1_000 })
  const players = Array.from({ length: 100 }, (_, i) => proven(table, address(i), 0))
  let now = 0
  for (let i = 0; i < 200_000; i++) {
    now = i / 1_000
    table.admit(address(1_000 + i), now)
    if (i % 50_000 === 0) for (const player of players) table.handlePacket(player.address, now)
  }
  t.equal(table.size <= 1_000, true)
  for (const player of players) {
    if (table.handlePacket(player.address, now) !== player) t.fail(player.key)
  }
  t.ok(table.refused > 100_000, `${table.refused} refused`)
})

t.test('new users come in a bounded number each second', async t => {
  const table = users({ maxUsers: 100_000, maxPerIp: 100_000 })
  let admitted = 0
  for (let i = 0; i < 20_000; i++) if (table.admit(address(i), 0)) admitted++
  t.equal(admitted, 4_096)
  for (let i = 20_000; i < 40_000; i++) if (table.admit(address(i), 1_000)) admitted++
  t.equal(admitted, 5_096)
})

t.test('a table full of players admits nobody until one rests', async t => {
  const table = users({ maxUsers: 2 })
  proven(table, address(1), 0)
  proven(table, address(2), 1_000)
  t.equal(table.admit(address(3), 2_000), undefined)
  t.equal(table.admit(address(3), 5_000)?.evicted?.key, '10.0.0.1:5555')
})

t.test('one source address has a share of the places only', async t => {
  const table = users({ maxPerIp: 2 })
  const from = (port: number): Address => ({ ip: '203.0.113.9', port })
  t.ok(table.admit(from(1), 0))
  const second = table.admit(from(2), 0)
  t.equal(table.admit(from(3), 0), undefined)
  t.ok(table.admit(address(1), 0))
  if (second) table.remove(second.user)
  t.ok(table.admit(from(3), 0))
  // An IPv6 user has a whole /64.
  t.ok(table.admit({ ip: '2001:db8::1', port: 1 }, 0))
  t.ok(table.admit({ ip: '2001:db8::2', port: 1 }, 0))
  t.equal(table.admit({ ip: '2001:db8::3', port: 1 }, 0), undefined)
})

t.test('held packets are given in order, the old and the many are not', async t => {
  const hold = new PacketHold<string>()
  hold.push('a', Buffer.from('old'), 0)
  for (let i = 0; i < 300; i++) hold.push('a', Buffer.from(`${i}`), 2_000)
  const given: string[] = []
  hold.release(2_500, (to, payload) => given.push(to + payload.toString()))
  t.equal(given.length, 256)
  t.equal(given[0], 'a44')
  hold.release(2_500, () => t.fail('given twice'))
  for (let i = 0; i < 10; i++) hold.push('a', Buffer.alloc(65_507), 0)
  let count = 0
  hold.release(0, () => count++)
  t.equal(count, 4)
})

t.test('a held packet is a copy', async t => {
  const hold = new PacketHold<string>()
  const lent = Buffer.from('mine')
  hold.push('a', lent, 0)
  lent.fill(0)
  hold.release(0, (_to, payload) => t.equal(String(payload), 'mine'))
})

t.test('each address has a loopback address of its own, always the same', async t => {
  const all = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const given = loopbackFor(address(i).ip, '127.0.0.1') ?? ''
    t.match(given, /^127\.[1-9]\d{0,2}\.[1-9]\d{0,2}\.[1-9]\d{0,2}$/)
    all.add(given)
  }
  t.ok(all.size >= 998, `${all.size} of 1,000`)
  t.equal(loopbackFor('2001:db8::1', '127.0.0.1'), loopbackFor('2001:db8::1', '127.0.0.1'))
  t.equal(loopbackFor('10.0.0.1', '192.0.2.1'), undefined)
  t.equal(loopbackFor('10.0.0.1', '::1'), undefined)
})
