// Users of a client of ours: the server opens a stream for each, and half-close works.

import { once } from 'node:events'
import t, { type Test } from 'tap'
import { layerStream } from '../../lib/stream/layers.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import {
  connectUser,
  OURS,
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

t.test('the server opens the stream itself, without a request', async t => {
  const peer = await Peer.login(await start(t), { ...OURS, pool_count: 5 })
  const port = await peer.tcpPort({ proxy_name: 'web' })
  const user = await connectUser(port)
  const work = new MessageChannel(await peer.acceptStream())
  t.match(await work.readExpected('StartWorkConn'), { proxy_name: 'web', src_addr: '127.0.0.1' })
  peer.control.send({ type: 'Ping' })
  t.equal((await peer.control.readMessage()).type, 'Pong', 'nothing was asked for before')
  user.destroy()
})

t.test('an end in one direction leaves the answer flowing', async t => {
  const peer = await Peer.login(await start(t), OURS)
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  user.end('question')
  const work = new MessageChannel(await peer.acceptStream())
  await work.readExpected('StartWorkConn')
  const stream = work.detach()
  t.equal(await readAll(stream), 'question')
  stream.end('long answer')
  t.equal(await readAll(user), 'long answer')
  user.destroy()
})

for (const [encryption, compression] of [
  [true, false],
  [false, true],
  [true, true],
] as const) {
  const title = `encryption ${encryption}, compression ${compression}`
  t.test(`the bytes are wrapped as the proxy asks: ${title}`, async t => {
    const peer = await Peer.login(await start(t), OURS)
    const port = await peer.tcpPort({ use_encryption: encryption, use_compression: compression })
    const user = await connectUser(port)
    user.write('secret')
    const work = new MessageChannel(await peer.acceptStream())
    await work.readExpected('StartWorkConn')
    const plain = layerStream(work.detach(), {
      encryptionKey: encryption ? deriveKey(TOKEN) : undefined,
      compression,
    })
    plain.on('error', () => {})
    t.equal(await readBytes(plain, 6), 'secret')
    plain.write('answer')
    t.equal(await readBytes(user, 6), 'answer')
    user.destroy()
  })
}

t.test('a reset of the local end closes the user', async t => {
  const peer = await Peer.login(await start(t), OURS)
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  user.on('error', () => {})
  const work = new MessageChannel(await peer.acceptStream())
  await work.readExpected('StartWorkConn')
  const closed = once(user, 'close')
  user.resume()
  user.end()
  work.destroy()
  await closed
  t.ok(user.destroyed)
})

t.test('a session that breaks closes its users', async t => {
  const peer = await Peer.login(await start(t), OURS)
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  user.on('error', () => {})
  const work = new MessageChannel(await peer.acceptStream())
  await work.readExpected('StartWorkConn')
  const closed = once(user, 'close')
  user.resume()
  user.end()
  peer.session.sever()
  await closed
  t.pass('closed')
})

t.test('a user who resets ends the stream', async t => {
  const peer = await Peer.login(await start(t), OURS)
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  const work = new MessageChannel(await peer.acceptStream())
  await work.readExpected('StartWorkConn')
  user.resetAndDestroy()
  t.match(await work.closed, { by: /lost|remote/ })
})

t.test('the status counts connections and bytes as the user sees them', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, OURS)
  const port = await peer.tcpPort({ use_compression: true })
  const user = await connectUser(port)
  user.end('x'.repeat(1000))
  const work = new MessageChannel(await peer.acceptStream())
  await work.readExpected('StartWorkConn')
  t.match(server.server.clients()[0]?.proxies, [{ currentConnections: 1, totalConnections: 1 }])
  const plain = layerStream(work.detach(), { compression: true })
  const echo = await readAll(plain)
  plain.end('ok')
  t.equal(await readAll(user), 'ok')
  user.destroy()
  t.equal(echo.length, 1000)
  await server.server.close({ graceMs: 5_000 })
  t.strictSame(server.server.clients(), [])
})

t.test('closing the server waits for running users, up to its grace', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, OURS)
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  const work = new MessageChannel(await peer.acceptStream())
  await work.readExpected('StartWorkConn')
  const stream = work.detach()
  const closed = server.server.close({ graceMs: 60_000 })
  stream.write('still here')
  t.equal(await readBytes(user, 10), 'still here')
  user.end()
  stream.resume()
  stream.end()
  await closed
  user.destroy()
})

t.test('a thousand connections one after another leave nothing behind', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, OURS)
  const port = await peer.tcpPort()
  let open = 0
  peer.session.onStream(stream => {
    open++
    stream.on('close', () => open--)
    const work = new MessageChannel(stream)
    void work.readExpected('StartWorkConn').then(() => {
      const echo = work.detach()
      echo.on('error', () => {})
      echo.pipe(echo)
    })
  })
  for (let i = 0; i < 1000; i++) {
    const user = await connectUser(port)
    user.end('ping')
    if ((await readAll(user)) !== 'ping') t.fail(`connection ${i}`)
    user.destroy()
  }
  // The last connection's sockets may still be closing: they must get there by themselves.
  const left = (): number =>
    open + process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length
  while (left() > 0) await new Promise(resolve => setImmediate(resolve))
  t.match(server.server.clients()[0]?.proxies[0], {
    currentConnections: 0,
    totalConnections: 1000,
    inBytes: 4000,
    outBytes: 4000,
  })
})
