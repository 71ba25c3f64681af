// The bench proxy end to end: our client, our server, and the doors that a load uses.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { REPORT_BYTES, ReportReader } from '../../bench/load/progress.ts'
import { ManualClock } from '../../lib/clock.ts'
import { openDoors } from '../../lib/bench/index.ts'
import { type Bench, clientConfigFromValues, openBenchDoors } from '../../lib/index.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import { encodeMessage } from '../../lib/wire/codec.ts'
import { configOf, Peer, startServer } from '../server/scripted-peer.ts'
import { openTunnel, readAll, readBytes, user, type TransportChoice } from '../compliance/tunnel.ts'

const TRANSPORTS: readonly TransportChoice[] = [
  { name: 'memory', protocol: 'memory' },
  { name: 'tcp', protocol: 'tcp' },
  { name: 'quic', protocol: 'quic' },
]

async function benchOver(t: Test, transport: TransportChoice): Promise<Bench> {
  const { client } = await openTunnel(t, transport, { server: { allowBench: true } })
  return client.openBench({ seconds: 60 })
}

function gone(stream: Duplex): Promise<void> {
  stream.on('error', () => {}) // a reset, mostly
  return new Promise(resolve => stream.once('close', () => resolve()))
}

/** Reads until so many bytes came. */
function received(stream: Duplex, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let count = 0
    stream.on('error', () => {}) // 'close' follows
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      count += chunk.length
      if (count >= length) resolve(Buffer.concat(chunks))
    })
    stream.once('close', () => reject(new Error(`closed after ${count} of ${length} bytes`)))
  })
}

for (const transport of TRANSPORTS) {
  t.test(`over ${transport.name}`, async t => {
    t.test('the source sends more than any window holds', async t => {
      const stream = await (await benchOver(t, transport)).openStream('source')
      t.ok((await received(stream, 4e6)).length >= 4e6)
      stream.destroy()
    })

    t.test('the sink tells what it has, and in the end all', async t => {
      const stream = await (await benchOver(t, transport)).openStream('sink')
      const sent = 3_000_000
      const last = new Promise<number>(resolve => {
        const reader = new ReportReader((elapsedMs, bytes) => {
          if (bytes === sent) resolve(elapsedMs)
        })
        stream.on('data', chunk => reader.push(chunk))
      })
      stream.write(Buffer.alloc(sent))
      t.ok((await last) >= 0)
      stream.destroy()
    })

    t.test('the doors are used like the services of a load', async t => {
      const doors = await openDoors(await benchOver(t, transport))
      t.teardown(() => doors.close())
      const echo = await user(t, doors.ports.echo)
      echo.write('hello')
      t.equal((await readBytes(echo, 5)).toString(), 'hello')
      const source = await user(t, doors.ports.source)
      t.equal((await readBytes(source, 100_000)).length, 100_000)
      source.destroy()
      const sink = await user(t, doors.ports.sink)
      sink.write('abc')
      t.equal((await readBytes(sink, REPORT_BYTES)).length, REPORT_BYTES)

      const player = createSocket('udp4')
      t.teardown(() => player.close())
      player.connect(doors.ports.datagrams, '127.0.0.1')
      await once(player, 'connect')
      // Datagrams may be lost, even here.
      const sending = setInterval(() => player.send('shot'), 20)
      const [answer] = (await once(player, 'message')) as [Buffer]
      clearInterval(sending)
      t.equal(answer.toString(), 'shot')
    })

    t.test('closing the bench ends its streams and lets the next one in', async t => {
      const { client } = await openTunnel(t, transport, { server: { allowBench: true } })
      const bench = await client.openBench({ seconds: 60 })
      await t.rejects(client.openBench({ seconds: 60 }), { message: /runs already/ })
      const stream = await bench.openStream('echo')
      stream.write('x')
      await received(stream, 1)
      const closed = gone(stream)
      bench.close()
      await bench.closed
      await closed
      t.equal(stream.destroyed, true)
      // The server learns of the end a moment later.
      for (;;) {
        const next = await client.openBench({ seconds: 5 }).catch((error: Error) => error)
        if ('openStream' in next) break
        t.match(next.message, /runs already/)
      }
    })
  })
}

const MEMORY: TransportChoice = { name: 'memory', protocol: 'memory' }

t.test('a server that does not allow benches says what to set', async t => {
  const { client } = await openTunnel(t, MEMORY)
  t.notOk(client.session()?.features.includes('bench'))
  await t.rejects(client.openBench({ seconds: 1 }), {
    code: 'UNSUPPORTED',
    message: /forbids benches: set allowBench = true/,
  })
})

t.test('without multiplexing the reason is named', async t => {
  const noMux: TransportChoice = {
    name: 'tcp',
    protocol: 'tcp',
    client: { tcpMux: false },
    server: { tcpMux: false },
  }
  const { client } = await openTunnel(t, noMux, { server: { allowBench: true } })
  await t.rejects(client.openBench({ seconds: 1 }), { message: /transport\.tcpMux = true/ })
})

t.test('a bench ends when its time is up', async t => {
  const clock = new ManualClock()
  const { client } = await openTunnel(t, MEMORY, {
    server: { allowBench: true },
    serverOptions: { clock },
  })
  const bench = await client.openBench({ seconds: 2 })
  t.equal(bench.seconds, 2)
  const stream = await bench.openStream('echo')
  stream.write('x')
  await received(stream, 1)
  const over = gone(stream)
  clock.advance(2000)
  await over
  t.ok(await bench.closed)
})

t.test('the streams of a bench are bounded; those that are open go on', async t => {
  const bench = await benchOver(t, MEMORY)
  const open: Duplex[] = []
  for (let count = 0; count < bench.streams; count++) {
    const stream = await bench.openStream('echo')
    stream.write('x')
    await received(stream, 1)
    open.push(stream)
  }
  const surplus = await bench.openStream('echo')
  surplus.write('x')
  await gone(surplus)
  const [first] = open
  first?.write('y')
  t.equal((await received(first ?? surplus, 1)).toString(), 'y')
})

t.test('a slow reader stops the source', async t => {
  const { client, server } = await openTunnel(t, MEMORY, { server: { allowBench: true } })
  const stream = await (await client.openBench({ seconds: 60 })).openStream('source')
  await once(stream, 'readable')
  const before = stream.readableLength
  await new Promise(resolve => setImmediate(resolve))
  t.ok(stream.readableLength < 1e6, `${before}, then ${stream.readableLength} bytes`)
  t.equal(server.clients().length, 1)
})

t.test("a user's config opens the doors, with the transport of the bench's choice", async t => {
  for (const protocol of ['tcp', 'quic'] as const) {
    const auth = { token: 'of the bench' }
    const choice = { server: { allowBench: true, auth }, client: { auth } }
    const { server } = await openTunnel(t, { name: protocol, protocol }, choice)
    const { [protocol]: address } = server.addresses()
    const { config } = clientConfigFromValues({
      common: {
        serverAddr: '127.0.0.1',
        serverPort: address?.port ?? 0,
        auth,
      },
    })
    const doors = await openBenchDoors({ config }, { protocol })
    const echo = await user(t, doors.ports.echo)
    echo.write('hello')
    t.equal((await readBytes(echo, 5)).toString(), 'hello')
    const left = readAll(echo)
    await doors.close()
    await left
  }
})

t.test('before the login there is no bench, and its asker loses his session', async t => {
  const server = await startServer({ ...configOf(), allowBench: true })
  t.teardown(() => server.close())
  for (const message of [
    { type: 'NewBench', seconds: 60 },
    { type: 'StartBench', service: 'source' },
  ] as const) {
    const stranger = await Peer.connect(server)
    stranger.control.send(message)
    t.match(await stranger.session.closed, { by: 'remote' })
  }
})

t.test('a stream of an unknown service is closed, and so is one without a bench', async t => {
  const server = await startServer({ ...configOf(), allowBench: true })
  t.teardown(() => server.close())
  const peer = await Peer.login(server, { quicfrp: { version: 'x', features: [] } })
  const start = async (service: string): Promise<Duplex> => {
    const stream = await peer.session.openStream()
    stream.on('error', () => {})
    stream.write(encodeMessage({ type: 'StartBench', service }))
    stream.resume()
    return stream
  }
  await gone(await start('source'))
  const channel = new MessageChannel(await peer.session.openStream())
  channel.send({ type: 'NewBench', seconds: 60 })
  t.match(await channel.readMessage(), { type: 'NewBenchResp', error: '', seconds: 60 })
  await gone(await start('time machine'))
  await received(await start('source'), 1000)
})
