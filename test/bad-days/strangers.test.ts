// Who is no client: noise and broken QUIC packets by the million, browsers, and a thousand clients
// that never log in. Each is dropped, and the clients that are there notice nothing.

import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  type Client,
  clientConfigFromValues,
  createClient,
  createServer,
  type Protocol,
  type Server,
  type ServerOptions,
  serverConfigFromValues,
} from '../../lib/index.ts'
import { ManualClock } from '../../lib/clock.ts'
import { quicDialer, quicSupport } from '../../lib/transport/quic.ts'
import type { Session } from '../../lib/transport/transport.ts'
import { openUdpSocket } from '../../lib/udp/index.ts'
import { echo, payload, readAll, readBytes, service, sha256, user } from '../compliance/tunnel.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { openUdpRelay } from '../support/udp-relay.ts'

const MIB = 1 << 20

const support = await quicSupport()
const skip = support === true ? false : support

async function startServer(t: Test, options: ServerOptions = {}): Promise<Server> {
  const values = { bindAddr: '127.0.0.1', bindPort: 0, auth: { token: 'correct horse' } }
  const server = createServer(serverConfigFromValues(values).config, options)
  t.teardown(() => server.close({ graceMs: 0 }))
  await server.start()
  return server
}

/** The one port number under which our frps answers both. */
function portOf(server: Server): number {
  const { tcp } = server.addresses()
  if (!tcp) throw new Error('the server does not listen')
  return tcp.port
}

interface LoggedIn {
  readonly client: Client
  readonly publicPort: number
}

async function logIn(
  t: Test,
  serverPort: number,
  protocol: Exclude<Protocol, 'memory'>,
  localPort: number,
): Promise<LoggedIn> {
  const setup = clientConfigFromValues({
    common: {
      serverAddr: '127.0.0.1',
      serverPort,
      auth: { token: 'correct horse' },
      transport: { protocol },
    },
    proxies: [{ name: `door-${localPort}`, type: 'tcp', localPort, remotePort: 0 }],
  })
  const client = createClient({ ...setup, visitors: [] })
  t.teardown(() => client.close({ graceMs: 0 }))
  const up = once(client, 'proxyUp')
  await client.start()
  const [{ remoteAddr }] = (await up) as [{ remoteAddr: string }]
  return { client, publicPort: Number(remoteAddr.split(':').at(-1)) }
}

async function answers(t: Test, publicPort: number): Promise<boolean> {
  const socket = await user(t, publicPort)
  socket.write('are you there?')
  const answer = await readBytes(socket, 14)
  socket.destroy()
  return answer.toString() === 'are you there?'
}

t.test('a browser and noise on the bind port are hung up on, clients go on', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const server = await startServer(t)
  const port = portOf(server)
  const { publicPort } = await logIn(t, port, 'tcp', await service(t, echo))
  const noises = Array.from({ length: 200 }, () => random.bytes(1 + random.below(4096)))
  const hungUp = await Promise.all(
    [Buffer.from('GET / HTTP/1.1\r\nHost: frps\r\n\r\n'), ...noises].map(async bytes => {
      const socket = await user(t, port)
      const closed = new Promise<boolean>(resolve => socket.once('close', () => resolve(true)))
      socket.resume()
      // A few bytes may be the beginning of something: the end tells that they are not.
      socket.end(bytes)
      return closed
    }),
  )
  t.equal(hungUp.length, 201)
  t.ok(await answers(t, publicPort))
  t.equal(server.clients().length, 1)
})

t.test('a million bad datagrams do not disturb a transfer', { skip }, async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const server = await startServer(t)
  const port = portOf(server)

  // What two of ours really say, to be broken: a handshake, a login, a transfer.
  const captured: Buffer[] = []
  const relay = await openUdpRelay(t, {
    port,
    onDatagram: datagram => {
      if (captured.length < 512) captured.push(Buffer.from(datagram))
    },
  })
  const up = payload(16 * MIB)
  const down = payload(16 * MIB)
  let atService: Promise<Buffer> | undefined
  const localPort = await service(t, socket => {
    atService = readAll(socket)
    socket.end(down.bytes)
  })
  const { client, publicPort } = await logIn(t, relay.port, 'quic', localPort)
  let disconnects = 0
  client.on('disconnect', () => disconnects++)

  const socket = await user(t, publicPort)
  const received = readAll(socket)
  const flood = floodWith(port, random, captured)
  socket.write(up.bytes.subarray(0, 8 * MIB))
  await flood.half
  socket.end(up.bytes.subarray(8 * MIB))
  t.equal(sha256(await received), down.sha256, 'the transfer down is whole')
  t.equal(sha256((await atService) ?? Buffer.alloc(0)), up.sha256, 'the transfer up is whole')
  t.ok((await flood.sent) >= 1_000_000, 'a million were sent')
  t.equal(disconnects, 0)
  t.equal(server.clients().length, 1)
  const late = await logIn(t, port, 'quic', await service(t, echo))
  t.ok(await answers(t, late.publicPort), 'and a new client is served')
})

const FLOOD = 1_000_000
const BURST = 50

/**
 * Sends bursts of noise and of broken copies of `captured`, a burst a turn of the loop so that
 * whoever is flooded can keep up; a source port of its own for each tenth of the flood.
 */
function floodWith(
  port: number,
  random: ReturnType<typeof seededRandom>,
  captured: readonly Buffer[],
): { readonly half: Promise<void>; readonly sent: Promise<number> } {
  const to = { ip: '127.0.0.1', port }
  const noise = random.bytes(1 << 20)
  let onHalf = (): void => {}
  const half = new Promise<void>(resolve => (onHalf = resolve))
  const run = async (): Promise<number> => {
    let sent = 0
    for (let tenth = 0; tenth < 10; tenth++) {
      const socket = await openUdpSocket({ ip: '127.0.0.1', port: 0 })
      while (sent < ((tenth + 1) * FLOOD) / 10) {
        const isBroken = random.below(2) === 0
        const model = captured[random.below(captured.length)]
        const size = isBroken && model ? 1 + random.below(model.length) : 1 + random.below(1252)
        const count = Math.max(1, Math.min(BURST, Math.floor(65_000 / size)))
        const at = random.below(noise.length - count * size)
        const burst = Buffer.from(noise.subarray(at, at + count * size))
        if (isBroken && model) breakUp(burst, model, size, random)
        socket.send(burst, size, to)
        sent += count
        if (sent >= FLOOD / 2) onHalf()
        await new Promise(resolve => setImmediate(resolve))
      }
      await socket.close()
    }
    return sent
  }
  return { half, sent: run() }
}

/** Fills the burst with copies of `model`, truncated to `size`, each with one bit flipped. */
function breakUp(
  burst: Buffer,
  model: Buffer,
  size: number,
  random: ReturnType<typeof seededRandom>,
): void {
  for (let at = 0; at + size <= burst.length; at += size) {
    model.copy(burst, at, 0, size)
    const flipped = at + random.below(size)
    burst.writeUInt8(burst.readUInt8(flipped) ^ (1 << random.below(8)), flipped)
  }
}

t.test('a thousand clients that never log in keep nobody out', { skip }, async t => {
  const clock = new ManualClock()
  const server = await startServer(t, { clock })
  const port = portOf(server)
  const localPort = await service(t, echo)
  const old = await logIn(t, port, 'quic', localPort)

  // They hold no session yet, so their time is the TCP listener's (tcp.test.ts).
  await Promise.all(Array.from({ length: 500 }, () => user(t, port)))
  const sessions: Session[] = []
  const dialer = quicDialer({
    host: '127.0.0.1',
    port,
    keepaliveMs: 10_000,
    idleTimeoutMs: 30_000,
    maxStreams: 100,
    datagramBytes: 1200,
    connectTimeoutMs: 10_000,
  })
  t.teardown(() => dialer.close())
  while (sessions.length < 500) {
    const some = await Promise.all(Array.from({ length: 20 }, () => dialer.dial()))
    sessions.push(...some)
  }
  t.ok(await answers(t, old.publicPort), 'a client that was there goes on')
  for (const protocol of ['tcp', 'quic'] as const) {
    const late = await logIn(t, port, protocol, await service(t, echo))
    t.ok(await answers(t, late.publicPort), `a new one over ${protocol} is served`)
  }

  // frp's time for the first message.
  clock.advance(10_000)
  await Promise.all(sessions.map(({ closed }) => closed))
  t.equal(server.clients().length, 3, 'the silent ones are gone, the others not')
  t.ok(await answers(t, old.publicPort))
})
