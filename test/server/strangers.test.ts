// What comes to the port that is no client: it is dropped, and clients do not notice.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { authKey } from '../../lib/wire/auth.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import { encodeMessage } from '../../lib/wire/codec.ts'
import {
  connectUser,
  OURS,
  Peer,
  readBytes,
  startServer,
  TOKEN,
  type TestServer,
} from './scripted-peer.ts'

async function start(t: Test, ...args: Parameters<typeof startServer>): Promise<TestServer> {
  const server = await startServer(...args)
  t.teardown(() => server.close())
  return server
}

async function sendRaw(server: TestServer, bytes: Buffer): Promise<{ closed: Promise<unknown> }> {
  const session = server.network.connect(7000)
  const stream = await session.openStream()
  stream.on('error', () => {})
  stream.write(bytes)
  return session
}

for (const [what, bytes] of [
  ['a browser', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['noise', Buffer.alloc(4096, 'e3b0c44298fc1c14', 'hex')],
  ['an oversized message', Buffer.from('6f7fffffffffffffff', 'hex')],
  ['broken JSON', Buffer.concat([Buffer.from('6f0000000000000003', 'hex'), Buffer.from('{"x')])],
  ['wrong field types', frame('o', '{"timestamp":"x","metas":[]}')],
  ['a message that cannot be the first', frame('p', '{"proxy_name":"x"}')],
  ['a message of the server', frame('1', '{"run_id":"x"}')],
] as const) {
  t.test(`${what} ends the session at once`, async t => {
    const server = await start(t, {}, { clock: new ManualClock() })
    await (await sendRaw(server, Buffer.from(bytes))).closed
    t.ok((await Peer.login(server)).runId)
  })
}

t.test('who says nothing is closed after ten seconds', async t => {
  const clock = new ManualClock()
  const server = await start(t, {}, { clock })
  const session = server.network.connect(7000)
  await Peer.login(server)
  clock.advance(10_000)
  t.match(await session.closed, { detail: 'too slow' })
})

t.test('a client may take its time between logins and proxies', async t => {
  const clock = new ManualClock()
  const server = await start(t, {}, { clock })
  const peer = await Peer.login(server)
  clock.advance(60_000)
  t.ok(await peer.tcpPort())
})

t.test('a thousand silent sessions do not keep a client out, nor disturb another', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, OURS)
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  const work = new MessageChannel(await peer.acceptStream())
  await work.readExpected('StartWorkConn')
  const stream = work.detach()
  for (let i = 0; i < 1000; i++) server.network.connect(7000)
  t.ok((await Peer.login(server)).runId)
  stream.write('still here')
  t.equal(await readBytes(user, 10), 'still here')
  user.destroy()
  stream.on('error', () => {}).destroy()
})

t.test('streams of a client that say nothing are bounded', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  const streams = []
  for (let i = 0; i < 1025; i++) {
    const stream = await peer.session.openStream()
    stream.on('error', () => {})
    stream.write('w')
    streams.push(stream)
  }
  const last = streams.at(-1)
  if (last === undefined) throw new Error('no stream')
  await closed(last)
  t.equal(streams.filter(({ destroyed }) => destroyed).length, 1)
  peer.control.send({ type: 'Ping' })
  t.match(await peer.expect('Pong'), { error: '' })
})

t.test('garbage on a stream of a client ends that stream only', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  const stream = await peer.session.openStream()
  stream.on('error', () => {})
  stream.write('garbage garbage')
  await closed(stream)
  peer.control.send({ type: 'Ping' })
  t.match(await peer.expect('Pong'), { error: '' })
})

t.test('garbage on the control ends the client and frees its ports', async t => {
  const server = await start(t)
  const session = server.network.connect(7000)
  const stream = await session.openStream()
  const timestamp = 5
  const login = { type: 'Login', privilege_key: authKey(TOKEN, timestamp), timestamp } as const
  stream.write(encodeMessage(login))
  stream.resume()
  const loggedIn = once(server.server, 'login')
  await loggedIn
  const gone = once(server.server, 'logout')
  stream.on('error', () => {})
  // Sixteen bytes are the IV; what follows decrypts to noise.
  stream.write(randomBytes(1000))
  await gone
  t.strictSame(server.server.clients(), [])
})

t.test('a flood of proxies is answered one by one', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  const count = 500
  for (let i = 0; i < count; i++) {
    peer.control.send({ type: 'NewProxy', proxy_name: `p${i}`, remote_port: 70_000 })
  }
  const answers = []
  for (let i = 0; i < count; i++) answers.push((await peer.expect('NewProxyResp')).proxy_name)
  t.strictSame(answers, Array.from({ length: count }, (_, i) => `p${i}`))
})

t.test('a client that does not read is closed before its answers fill the memory', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  const gone = once(server.server, 'logout')
  // Every Ping is answered, and nobody reads the Pongs.
  const timer = setInterval(() => {
    for (let i = 0; i < 5000; i++) peer.control.send({ type: 'Ping' })
  }, 0)
  await gone
  clearInterval(timer)
  t.strictSame(server.server.clients(), [])
})

/** Unlike `once`, it does not mind an error before. */
function closed(stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    if (stream.closed) resolve()
    else stream.once('close', resolve)
  })
}

function frame(type: string, json: string): Buffer {
  const head = Buffer.alloc(9)
  head.write(type)
  head.writeBigInt64BE(BigInt(json.length), 1)
  return Buffer.concat([head, Buffer.from(json)])
}
