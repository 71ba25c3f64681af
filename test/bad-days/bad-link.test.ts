// QUIC over links that are worse than loopback: a NAT that changes the client's port, datagrams
// that are lost and overtaken. No stream may break or wait for ever.

import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  echo,
  openTunnel,
  payload,
  readAll,
  readBytes,
  service,
  sha256,
  type Tunnel,
  type TunnelChoice,
  user,
} from '../compliance/tunnel.ts'
import { quicSupport } from '../../lib/transport/quic.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { openUdpRelay, type UdpRelay, type UdpRelayOptions } from '../support/udp-relay.ts'

const MIB = 1 << 20

const support = await quicSupport()
const skip = support === true ? false : support

async function openOver(
  t: Test,
  link: Omit<UdpRelayOptions, 'port'>,
  choice: TunnelChoice,
): Promise<Tunnel & { readonly relay: UdpRelay }> {
  let relay: UdpRelay | undefined
  const tunnel = await openTunnel(
    t,
    { name: 'quic', protocol: 'quic', client: { quic: { datagramSize: 1452 } } },
    {
      ...choice,
      reach: async port => {
        relay = await openUdpRelay(t, { ...link, port })
        return relay.port
      },
    },
  )
  if (!relay) throw new Error('no relay was opened')
  return { ...tunnel, relay }
}

const DIRECTIONS = [
  { title: 'from the client', isUp: false },
  { title: 'to the client', isUp: true },
]

for (const { title, isUp } of DIRECTIONS) {
  t.test(`a NAT that rebinds during a transfer ${title} does not break it`, { skip }, async t => {
    const sent = payload(16 * MIB)
    let atService: Promise<Buffer> | undefined
    const localPort = await service(t, socket => {
      atService = readAll(socket)
      if (isUp) void atService.then(() => socket.end())
      else socket.end(sent.bytes)
    })
    let half: (() => void) | undefined
    let bytes = 0
    const isHalf = new Promise<void>(resolve => (half = resolve))
    const onDatagram = ({ length }: Buffer): void => {
      bytes += length
      if (bytes > 8 * MIB) half?.()
    }
    const proxies = [{ name: 'bulk', localPort }]
    const { relay, server, client, port } = await openOver(t, { onDatagram }, { proxies })
    let disconnects = 0
    client.on('disconnect', () => disconnects++)
    const socket = await user(t, await port('bulk'))
    const atUser = readAll(socket)
    if (isUp) socket.end(sent.bytes)
    await isHalf
    const [before] = server.clients()
    await relay.rebind()
    const arrived = await atUser
    if (!isUp) t.equal(sha256(arrived), sent.sha256, 'every byte arrived')
    else t.equal(sha256((await atService) ?? Buffer.alloc(0)), sent.sha256, 'every byte arrived')
    const [after] = server.clients()
    t.not(after?.address.port, before?.address.port, 'the server saw the new port')
    t.equal(disconnects, 0)
  })
}

t.test('a NAT that rebinds does not break an idle stream', { skip }, async t => {
  const localPort = await service(t, echo)
  const { relay, client, port } = await openOver(t, {}, { proxies: [{ name: 'echo', localPort }] })
  let disconnects = 0
  client.on('disconnect', () => disconnects++)
  const idle = await user(t, await port('echo'))
  for (const text of ['before', 'after', 'once more']) {
    idle.write(text)
    t.equal((await readBytes(idle, text.length)).toString(), text)
    await relay.rebind()
  }
  t.equal(disconnects, 0)
})

t.test('a service reaches its user after a rebinding as soon as the client pings', { skip }, async t => {
  let speak: ((text: string) => void) | undefined
  const localPort = await service(t, socket => {
    speak = text => socket.write(text)
    socket.write('hello')
  })
  const { relay, port } = await openOver(t, {}, { proxies: [{ name: 'talk', localPort }] })
  const socket = await user(t, await port('talk'))
  await readBytes(socket, 5)
  await relay.rebind()
  speak?.('anyone?')
  t.equal((await readBytes(socket, 7)).toString(), 'anyone?')
})

t.test('5 % loss and as much reordering stop neither streams nor bytes', { skip }, async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const up = payload(4 * MIB)
  const down = payload(4 * MIB)
  let atService: Promise<Buffer> | undefined
  const localPort = await service(t, socket => {
    atService = readAll(socket)
    socket.end(down.bytes)
  })
  const echoPort = await service(t, echo)
  const { relay, server, port } = await openOver(
    t,
    { random, lossPercent: 5, reorderPercent: 5 },
    {
      proxies: [
        { name: 'bulk', localPort },
        { name: 'echo', localPort: echoPort },
      ],
    },
  )
  const publicEcho = await port('echo')
  let answered = 0
  // Every way in which a connection ends: half-closed by its user, or closed by either side.
  const visit = async (i: number): Promise<void> => {
    const socket = await user(t, publicEcho)
    const text = `visit ${i} `.repeat(1 + random.below(300))
    const ends = i % 2 === 0
    if (ends) socket.end(text)
    else socket.write(text)
    const answer = ends ? await readAll(socket) : await readBytes(socket, text.length)
    if (answer.toString() === text) answered++
    const closed = once(socket, 'close')
    socket.destroy()
    await closed
  }
  let next = 0
  const visitor = async (): Promise<void> => {
    while (next < 2000) await visit(next++)
  }
  const visits = Promise.all(Array.from({ length: 8 }, visitor))

  const socket = await user(t, await port('bulk'))
  const received = readAll(socket)
  socket.end(up.bytes)
  t.equal(sha256(await received), down.sha256, 'the transfer down is whole')
  t.equal(sha256((await atService) ?? Buffer.alloc(0)), up.sha256, 'the transfer up is whole')
  await visits
  t.equal(answered, 2000, 'every visitor got his answer')
  t.comment(`${relay.lost} of ${relay.passed + relay.lost} datagrams were lost`)
  t.ok(relay.lost > 0 && relay.overtaken > 0)
  // A stream whose FIN was lost for good would stay.
  await connectionsEnd(server)
})

/** Resolves when no user connection is left on the server; the runner's time-out is the bound. */
async function connectionsEnd(server: Tunnel['server']): Promise<void> {
  const open = (): number =>
    server
      .clients()
      .flatMap(({ proxies }) => proxies)
      .reduce((sum, { currentConnections }) => sum + currentConnections, 0)
  while (open() > 0) await new Promise(resolve => setImmediate(resolve))
}
