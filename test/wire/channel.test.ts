import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { TunnelError } from '../../lib/errors.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import { CfbEncryptor, deriveKey } from '../../lib/wire/cipher.ts'
import { encodeMessage } from '../../lib/wire/codec.ts'
import { duplexPair, type DuplexPairOptions } from '../support/duplex-pair.ts'

const KEY = deriveKey('secret')

/** A channel and the raw other end of its stream. */
function channelWith(t: Test, options: DuplexPairOptions = {}): [MessageChannel, Duplex] {
  const [near, far] = duplexPair(options)
  far.on('error', () => {})
  t.teardown(() => {
    near.destroy()
    far.destroy()
  })
  return [new MessageChannel(near), far]
}

/** Everything up to the end. Leaves the other direction open, unlike an async iterator. */
async function received(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!stream.readableEnded) await once(stream, 'end')
  return Buffer.concat(chunks)
}

t.test('a stranger is refused at his first wrong byte, not when a header is full', async t => {
  const [channel, far] = channelWith(t)
  const first = channel.readMessage()
  far.write('GET /')
  await t.rejects(first, { code: 'PROTOCOL_ERROR', message: /type 0x47 is unknown/ })
})

t.test('the reason of a close names no code of ours', async t => {
  const [near] = duplexPair()
  const channel = new MessageChannel(near)
  near.destroy(new TunnelError('SESSION_CLOSED', 'the network changed'))
  const { detail } = await channel.closed
  t.equal(detail, 'the network changed')
})

t.test('messages go both ways, in the clear and then encrypted', async t => {
  const [near, far] = duplexPair()
  const client = new MessageChannel(near)
  const server = new MessageChannel(far)
  client.send({ type: 'Login', user: 'u', pool_count: 1 })
  t.match(await server.readMessage(), { type: 'Login', user: 'u', pool_count: 1 })
  server.send({ type: 'LoginResp', run_id: 'r' })
  server.encrypt(KEY)
  server.send({ type: 'ReqWorkConn' })
  t.match(await client.readExpected('LoginResp'), { run_id: 'r' })
  client.encrypt(KEY)
  t.match(await client.readMessage(), { type: 'ReqWorkConn' })
  client.send({ type: 'NewProxy', proxy_name: 'ssh' })
  t.match(await server.readMessage(), { type: 'NewProxy', proxy_name: 'ssh' })
  client.close()
  t.match(await server.closed, { by: 'remote' })
  t.match(await client.closed, { by: 'local' })
})

t.test('the cut at LoginResp is exact, in one chunk and in any two', async t => {
  const encryptor = new CfbEncryptor(KEY)
  const bytes = Buffer.concat([
    encodeMessage({ type: 'LoginResp', run_id: 'r' }),
    encryptor.update(encodeMessage({ type: 'ReqWorkConn' })),
    encryptor.update(encodeMessage({ type: 'Pong' })),
  ])
  for (let at = 1; at <= bytes.length; at++) {
    const [channel, far] = channelWith(t)
    far.write(bytes.subarray(0, at))
    if (at < bytes.length) far.write(bytes.subarray(at))
    await channel.readExpected('LoginResp')
    channel.encrypt(KEY)
    await channel.readExpected('ReqWorkConn')
    await channel.readExpected('Pong')
  }
})

t.test('the cut can be made inside a handler', async t => {
  const [channel, far] = channelWith(t)
  const encrypted = new CfbEncryptor(KEY).update(encodeMessage({ type: 'ReqWorkConn' }))
  const types: string[] = []
  const done = new Promise<void>(resolve => {
    channel.onMessage(message => {
      types.push(message.type)
      if (message.type === 'LoginResp') channel.encrypt(KEY)
      else resolve()
    })
  })
  far.write(Buffer.concat([encodeMessage({ type: 'LoginResp' }), encrypted]))
  await done
  t.strictSame(types, ['LoginResp', 'ReqWorkConn'])
})

t.test('a detached stream has every byte after the message, and its end', async t => {
  for (const pieceBytes of [1, 7, 1000]) {
    const [channel, far] = channelWith(t, { pieceBytes })
    far.end(Buffer.concat([encodeMessage({ type: 'StartWorkConn' }), Buffer.from('payload')]))
    await channel.readExpected('StartWorkConn')
    t.equal((await received(channel.detach())).toString(), 'payload', `pieces of ${pieceBytes}`)
  }
})

t.test('a stream that ended right after the message is handed over, not closed', async t => {
  const [channel, far] = channelWith(t)
  far.end(encodeMessage({ type: 'StartWorkConn' }))
  await channel.readExpected('StartWorkConn')
  const stream = channel.detach()
  t.equal((await received(stream)).length, 0)
  const answer = received(far)
  stream.end('still answering')
  t.equal((await answer).toString(), 'still answering')
})

t.test('a detached stream works in flowing mode from the first byte', async t => {
  const [channel, far] = channelWith(t)
  far.write(Buffer.concat([encodeMessage({ type: 'StartWorkConn' }), Buffer.from('one')]))
  await channel.readExpected('StartWorkConn')
  const stream = channel.detach()
  const chunks: string[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()))
  await once(stream, 'data')
  const second = once(stream, 'data')
  far.write('two')
  await second
  t.strictSame(chunks, ['one', 'two'])
})

t.test('the bytes of half a message go back into a detached stream', async t => {
  const [channel, far] = channelWith(t)
  const controller = new AbortController()
  const reading = channel.readMessage({ signal: controller.signal })
  const half = encodeMessage({ type: 'Ping' }).subarray(0, 10)
  await new Promise(resolve => far.write(half, resolve))
  controller.abort()
  await t.rejects(reading, { code: 'ABORTED' })
  far.end()
  t.strictSame(await received(channel.detach()), half)
})

t.test('a read times out at its time, and the channel goes on', async t => {
  const [near, far] = duplexPair()
  const clock = new ManualClock()
  const channel = new MessageChannel(near, { clock })
  const reading = channel.readMessage({ timeoutMs: 10_000 })
  clock.advance(9_999)
  clock.advance(1)
  await t.rejects(reading, { code: 'TIMED_OUT', message: /10000 ms/ })
  far.write(encodeMessage({ type: 'Ping' }))
  t.match(await channel.readMessage({ timeoutMs: 10_000 }), { type: 'Ping' })
  channel.destroy()
})

t.test('an aborted signal rejects at once and leaves no listener', async t => {
  const [channel, far] = channelWith(t)
  const controller = new AbortController()
  far.write(encodeMessage({ type: 'Ping' }))
  await channel.readMessage({ signal: controller.signal })
  const reading = channel.readMessage({ signal: controller.signal })
  controller.abort()
  await t.rejects(reading, { code: 'ABORTED' })
  await t.rejects(channel.readMessage({ signal: controller.signal }), { code: 'ABORTED' })
})

t.test('garbage destroys the channel and rejects the reader', async t => {
  const [channel, far] = channelWith(t)
  far.write('GET / HTTP/1.1\r\n\r\n')
  await t.rejects(channel.readMessage(), { code: 'PROTOCOL_ERROR', message: /0x47/ })
  t.match(await channel.closed, { by: 'lost', error: { code: 'PROTOCOL_ERROR' } })
  await t.rejects(channel.readMessage(), { code: 'PROTOCOL_ERROR' })
  if (!far.closed) await once(far, 'close')
})

t.test('a stream that ends inside a message is a protocol error', async t => {
  const [channel, far] = channelWith(t)
  far.end(encodeMessage({ type: 'Ping' }).subarray(0, 10))
  await t.rejects(channel.readMessage(), { code: 'PROTOCOL_ERROR' })
})

t.test('a stream that ends inside the IV is a protocol error', async t => {
  const [channel, far] = channelWith(t)
  channel.encrypt(KEY)
  far.end(Buffer.alloc(7))
  await t.rejects(channel.readMessage(), { code: 'PROTOCOL_ERROR' })
})

t.test('an end between messages closes the channel in order', async t => {
  const [channel, far] = channelWith(t)
  far.end(encodeMessage({ type: 'Ping' }))
  t.match(await channel.readMessage(), { type: 'Ping' })
  await t.rejects(channel.readMessage(), { code: 'SESSION_CLOSED' })
  const close = await channel.closed
  t.equal(close.by, 'remote')
  t.equal(close.error, undefined)
})

t.test('another message than the expected one is a protocol error', async t => {
  const [channel, far] = channelWith(t)
  far.write(encodeMessage({ type: 'Ping' }))
  await t.rejects(channel.readExpected('LoginResp'), {
    code: 'PROTOCOL_ERROR',
    message: /Ping came instead of LoginResp/,
  })
})

t.test('a handler that throws ends the channel, not the process', async t => {
  const [channel, far] = channelWith(t)
  const cause = new Error('bug')
  channel.onMessage(() => {
    throw cause
  })
  far.write(encodeMessage({ type: 'Ping' }))
  t.equal((await channel.closed).error?.cause, cause)
})

t.test('a stream that fails closes the channel', async t => {
  const [near, far] = duplexPair()
  const channel = new MessageChannel(near)
  const reading = channel.readMessage()
  near.destroy(new Error('reset'))
  await t.rejects(reading, { code: 'SESSION_CLOSED', message: /reset/ })
  t.match(await channel.closed, { by: 'lost', error: { code: 'SESSION_CLOSED' } })
  channel.send({ type: 'Ping' })
  far.destroy()
})

t.test('a stream that was destroyed before is a closed channel', async t => {
  const [near] = duplexPair()
  near.destroy()
  t.match(await new MessageChannel(near).closed, { by: 'lost' })
})

t.test('messages sent before close arrive, then the end', async t => {
  const [channel, far] = channelWith(t)
  channel.send({ type: 'LoginResp', error: 'wrong token' })
  channel.close()
  channel.send({ type: 'Ping' })
  t.strictSame(await received(far), encodeMessage({ type: 'LoginResp', error: 'wrong token' }))
})

t.test('close destroys the stream of a peer that does not end, after its grace', async t => {
  const [near, far] = duplexPair()
  const clock = new ManualClock()
  const channel = new MessageChannel(near, { clock })
  channel.close('bye', 500)
  far.resume()
  await once(far, 'end')
  clock.advance(499)
  t.notOk(near.destroyed)
  clock.advance(1)
  t.ok(near.destroyed)
  t.match(await channel.closed, { by: 'local', detail: 'bye' })
})

t.test('close ends the stream at once when the peer ends too', async t => {
  const [channel, far] = channelWith(t)
  channel.close()
  far.resume()
  far.end()
  if (!far.closed) await once(far, 'close')
})

t.test('a peer that does not read is cut off at the bound', async t => {
  const [near, far] = duplexPair()
  const channel = new MessageChannel(near, { maxQueuedBytes: 100_000 })
  const message = { type: 'Pong', error: 'x'.repeat(9_000) } as const
  let sent = 0
  for (; !near.destroyed && sent < 100; sent++) channel.send(message)
  t.ok(sent < 20, `cut off after ${sent} messages`)
  t.match(await channel.closed, { by: 'local', error: { code: 'LIMIT_EXCEEDED' } })
  far.destroy()
})

t.test('what nobody asks for stays in the stream and stops the peer', async t => {
  const [channel, far] = channelWith(t)
  const frame = encodeMessage({ type: 'Pong', error: 'x'.repeat(9_000) })
  far.write(frame)
  await channel.readMessage()
  let taken = 0
  for (let round = 0; round < 20; round++) far.write(frame, () => taken++)
  await new Promise(resolve => setImmediate(resolve))
  t.ok(taken < 5, `the stream took ${taken} frames of a reader that waits`)
  for (let round = 0; round < 20; round++) await channel.readMessage()
})

t.test('a message above the frame limit is not sent and the channel goes on', async t => {
  const [channel, far] = channelWith(t)
  t.throws(() => channel.send({ type: 'Pong', error: 'x'.repeat(11_000) }), {
    code: 'LIMIT_EXCEEDED',
  })
  channel.send({ type: 'Ping' })
  const [chunk] = await once(far, 'data')
  t.strictSame(chunk, encodeMessage({ type: 'Ping' }))
})
