// Users of a client that behaves like real frpc: streams come from its pool, and the first end
// closes both sides.

import { once } from 'node:events'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { authKey } from '../../lib/wire/auth.ts'
import type { MessageChannel } from '../../lib/wire/channel.ts'
import {
  configOf,
  connectUser,
  Peer,
  readAll,
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

/** Offers a stream as soon as the server asks for one. */
async function offerOnRequest(peer: Peer): Promise<MessageChannel> {
  await peer.expect('ReqWorkConn')
  return await peer.offerWorkStream()
}

t.test('a pooled stream carries the addresses first and the bytes right after', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, { pool_count: 1 })
  const port = await peer.tcpPort({ proxy_name: 'ann.ssh' })
  const work = await peer.offerWorkStream()
  const user = await connectUser(port)
  user.write('hello')
  const message = await work.readExpected('StartWorkConn')
  t.match(message, {
    proxy_name: 'ann.ssh',
    src_addr: '127.0.0.1',
    src_port: user.localPort,
    dst_addr: '127.0.0.1',
    dst_port: port,
    error: '',
  })
  const stream = work.detach()
  t.equal(await readBytes(stream, 5), 'hello')
  stream.write('welcome')
  t.equal(await readBytes(user, 7), 'welcome')
  user.destroy()
})

t.test('what the user says before a stream is there is not lost', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, { pool_count: 0 })
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  user.end('early words')
  const work = await offerOnRequest(peer)
  await work.readExpected('StartWorkConn')
  t.equal(await readAll(work.detach()), 'early words')
  user.destroy()
})

t.test('the first end closes both sides, after what was received is delivered', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, { pool_count: 0 })
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  const work = await offerOnRequest(peer)
  await work.readExpected('StartWorkConn')
  const stream = work.detach()
  stream.end('last words')
  t.equal(await readAll(user), 'last words')
  user.destroy()
})

t.test('each user who takes a stream makes the server ask for another', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, { pool_count: 0 })
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  await offerOnRequest(peer)
  t.ok(await peer.expect('ReqWorkConn'))
  user.destroy()
})

t.test('a user is closed when no stream comes within userConnTimeout', async t => {
  const clock = new ManualClock()
  const server = await start(t, { userConnTimeout: 7 }, { clock })
  const peer = await Peer.login(server, { pool_count: 0 })
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  await peer.expect('ReqWorkConn')
  clock.advance(7_000)
  t.equal(await readAll(user), '')
  user.destroy()
})

t.test('a stream that died in the pool is passed over', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, { pool_count: 1 })
  const port = await peer.tcpPort()
  const dead = await peer.offerWorkStream()
  const alive = await peer.offerWorkStream()
  dead.destroy()
  const user = await connectUser(port)
  t.ok(await alive.readExpected('StartWorkConn'))
  user.destroy()
})

t.test('a stream too many is refused with a reason', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, { pool_count: 0 })
  for (let i = 0; i < 10; i++) await peer.offerWorkStream()
  const late = await peer.offerWorkStream()
  const { error } = await late.readExpected('StartWorkConn')
  t.equal(error, 'work connection pool is full, discarding')
})

t.test('a stream for an unknown run id is refused, and its stranger is closed', async t => {
  const server = await start(t)
  const stranger = await Peer.connect(server)
  stranger.control.send({ type: 'NewWorkConn', run_id: 'nobody' })
  const { error } = await stranger.control.readExpected('StartWorkConn')
  t.equal(error, 'no client control found for run id [nobody]')
})

t.test('the scope NewWorkConns wants a key on each stream', async t => {
  const config = configOf()
  const auth = { ...config.auth, additionalScopes: ['NewWorkConns'] } as const
  const server = await start(t, { auth })
  const peer = await Peer.login(server, { pool_count: 0 })
  const port = await peer.tcpPort()
  const bad = await peer.offerWorkStream()
  t.match(await bad.readExpected('StartWorkConn'), { error: /token in NewWorkConn/ })
  const timestamp = 7
  const good = await peer.offerWorkStream({ privilege_key: authKey(TOKEN, timestamp), timestamp })
  const user = await connectUser(port)
  t.match(await good.readExpected('StartWorkConn'), { error: '' })
  user.destroy()
})

t.test('idle streams are told when their control ends', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, { pool_count: 0 })
  const idle = await peer.offerWorkStream()
  peer.control.send({ type: 'Ping' })
  await peer.expect('Pong')
  const gone = once(server.server, 'logout')
  peer.control.close()
  await gone
  t.match(await idle.closed, { by: /remote|lost/ })
})
