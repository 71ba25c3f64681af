import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { PassThrough, type Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { splice } from '../../lib/stream/splice.ts'
import { duplexPair } from '../support/duplex-pair.ts'

/** Two connected sockets. */
async function sockets(t: Test): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [remote] = (await accepted) as [Socket]
  t.teardown(() => {
    client.destroy()
    remote.destroy()
    server.close()
  })
  return [client, remote]
}

/** Reads to the end without touching the other direction, which an async iterator would destroy. */
async function text(stream: Duplex): Promise<string> {
  let all = ''
  stream.on('data', (chunk: Buffer) => (all += chunk.toString()))
  await once(stream, 'end')
  return all
}

t.test('with half-close an answer still flows after the request has ended', async t => {
  const [user, a] = await sockets(t)
  const [b, service] = await sockets(t)
  const joined = splice(a, b, { halfClose: true })
  user.end('question')
  t.equal(await text(service), 'question')
  service.end('answer')
  t.equal(await text(user), 'answer')
  t.strictSame(await joined, { aToB: 8, bToA: 6 })
})

t.test('without half-close the first end delivers what came before and closes both', async t => {
  const [user, a] = await sockets(t)
  const [b, service] = await sockets(t)
  const joined = splice(a, b, { halfClose: false })
  service.end('banner')
  t.equal(await text(user), 'banner')
  const result = await joined
  t.equal(result.bToA, 6)
  t.ok(a.destroyed && b.destroyed)
})

t.test('a side whose end was read before the call ends the other', async t => {
  const [b, service] = await sockets(t)
  const ended = new PassThrough()
  ended.end()
  ended.resume()
  await once(ended, 'end')
  const joined = splice(ended, b, { halfClose: true })
  service.resume()
  await once(service, 'end')
  service.end()
  await joined
  t.pass('the end went through')
})

t.test('a side that is closed already takes the other along', async t => {
  const [b, service] = await sockets(t)
  const closed = new PassThrough()
  closed.destroy()
  await once(closed, 'close')
  const over = once(service, 'close')
  service.resume()
  service.on('error', () => {})
  await splice(closed, b, { halfClose: true })
  service.end()
  await over
  t.ok(b.destroyed)
})

t.test('an error on one side destroys the other and is told', async t => {
  const [one, other] = duplexPair()
  const [b, service] = await sockets(t)
  service.on('error', () => {})
  service.resume()
  other.on('error', () => {})
  const joined = splice(one, b, { halfClose: true })
  const cause = new Error('broken')
  one.destroy(cause)
  t.equal((await joined).error, cause)
  t.ok(b.destroyed)
})

t.test('a slow reader stops the writer', async t => {
  const [user, a] = await sockets(t)
  const [b, service] = await sockets(t)
  void splice(a, b, { halfClose: true })
  service.pause()
  const chunk = Buffer.alloc(1 << 20)
  let written = 0
  // Both kernels' buffers and the streams' take some megabytes; 256 would be a leak.
  while (written < 256 << 20 && user.write(chunk)) written += chunk.length
  t.ok(written < 256 << 20)
  t.ok(b.writableLength < 32 << 20)
})
