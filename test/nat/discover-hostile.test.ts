// Discovery fed by hand: a NAT that changes its mind, and servers that lie.

import t from 'tap'
import type { Address } from '../../lib/address.ts'
import { Discoverer, type Discovery, type DiscovererOptions } from '../../nat/index.ts'
import { decodeStun, encodeStun, type StunMessage } from '../../nat/stun/index.ts'

const SERVER = { ip: '198.51.100.1', port: 7000 }

interface World {
  /** What a server answers to a socket; undefined: nothing. */
  readonly answer: (socket: number, server: Address) => Partial<StunMessage> | undefined
  readonly servers?: DiscovererOptions['servers']
  /** Of throw-away sockets. Default: as many as are wanted. */
  readonly maxSockets?: number
}

/** Each answer comes 10 ms after its request. */
function discover(world: World): { discovery: Discovery; asked: Address[]; opened: number[] } {
  const { answer, servers = [{ address: SERVER, otherPort: 7001 }], maxSockets = 64 } = world
  let next = 0
  const random = (bytes: number): Uint8Array => {
    const id = Buffer.alloc(bytes)
    id.writeUInt32BE(++next)
    return id
  }
  const machine = new Discoverer(
    { servers, localPort: 5000, interfaces: [], random, tests: 'all' },
    0,
  )
  const asked: Address[] = []
  const opened: number[] = []
  const due: { at: number; socket: number; from: Address; data: Buffer }[] = []
  let number = 0
  let now = 0
  for (;;) {
    for (let output = machine.poll(now); output; output = machine.poll(now)) {
      switch (output.type) {
        case 'send': {
          const { socket, to, data } = output
          asked.push(to)
          const message = answer(socket, to)
          const request = decodeStun(data)
          if (!message || !request) break
          const { transactionId } = request
          const reply = encodeStun({ kind: 'success', transactionId, ...message })
          due.push({ at: now + 10, socket, from: to, data: reply })
          break
        }
        case 'open-sockets': {
          const count = Math.min(output.count, maxSockets)
          opened.push(count)
          const sockets = Array.from({ length: count }, () => ({ number: ++number, port: 0 }))
          machine.handleSockets(sockets, now)
          break
        }
        case 'done':
          return { discovery: machine.discovery(now), asked, opened }
        case 'ask-filter-test':
        case 'update':
          break
        default:
          output satisfies never
      }
    }
    const at = Math.min(machine.deadline() ?? Infinity, due[0]?.at ?? Infinity)
    if (at === Infinity || at > 10_000) throw new Error(`nothing more to come at ${now}`)
    now = Math.max(now, at)
    while (due[0] && due[0].at <= now) {
      const { socket, from, data } = due.shift() ?? due[0]
      machine.handleDatagram(socket, data, from, now)
    }
  }
}

function seen(port: number): Partial<StunMessage> {
  return { mapped: { ip: '203.0.113.1', port } }
}

t.test('where sockets disagree, more are asked, and the most of them count', async t => {
  // The real socket is unlucky; all others have one mapping.
  const { discovery, opened } = discover({
    answer: (socket, { port }) => seen(socket === 0 ? 30_000 + port : 40_000 + socket * 37),
  })
  t.equal(discovery.profile.mapping, 'endpoint-independent')
  t.equal(discovery.confidence.mapping, 'low')
  t.strictSame(opened, [19, 2, 2, 2])
})

t.test('where all agree, no more are asked', async t => {
  const { opened } = discover({ answer: socket => seen(40_000 + socket * 37) })
  t.strictSame(opened, [19])
})

t.test('OTHER-ADDRESS is not followed to this machine, its LAN or a multicast group', async t => {
  const places = ['127.0.0.1', '192.168.1.1', '10.0.0.1', '224.0.0.1', '0.0.0.0', '2001:db8::1']
  for (const ip of places) {
    const { asked } = discover({
      servers: [{ address: SERVER }],
      answer: socket => ({ ...seen(40_000 + socket), other: { ip, port: 9 } }),
    })
    t.notOk(asked.some(to => to.ip === ip), ip)
  }
})

t.test('a server that always names another address leads to one more question', async t => {
  let port = 10_000
  const { asked } = discover({
    servers: [{ address: SERVER }],
    answer: socket => ({ ...seen(40_000 + socket), other: { ip: '198.51.100.1', port: ++port } }),
  })
  const places = new Set(asked.filter(({ ip }) => ip === SERVER.ip).map(({ port }) => port))
  t.equal(places.size, 2)
})

t.test('of many servers eight are asked', async t => {
  const servers = Array.from({ length: 40 }, (_, index) => ({
    address: { ip: `198.51.100.${index + 1}`, port: 7000 },
  }))
  const { asked } = discover({ servers, answer: () => seen(40_000) })
  const ips = new Set(asked.map(({ ip }) => ip))
  ips.delete('203.0.113.1') // Our own, for the hairpin test.
  t.equal(ips.size, 8)
})

t.test('a system without more sockets tells what the real one has seen', async t => {
  const { discovery } = discover({ answer: () => seen(40_000), maxSockets: 0 })
  t.match(discovery.profile, { udp: true, mapping: 'endpoint-independent' })
})

t.test('a server that answers with its own address, or any, harms nobody', async t => {
  const { discovery } = discover({ answer: () => ({ mapped: { ip: '127.0.0.1', port: 1 } }) })
  t.strictSame(discovery.profile.externalIps, ['127.0.0.1'])
})
