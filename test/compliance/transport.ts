// What everything above the transports relies on. Every transport runs it; a new one adds a file
// with one call.

import { createHash, randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import type { Session, Stream } from '../../lib/transport/transport.ts'

export interface SessionPair {
  readonly client: Session
  readonly server: Session
  /** Cuts the way between both without a word of the protocol; absent where it cannot be done. */
  vanish?(): void
}

/** Opens a pair for one test and closes what is not a session of it in `t.teardown`. */
export type MakePair = (t: Test) => Promise<SessionPair>

export interface Traits {
  /**
   * Each stream is a connection: the server's session is the first of them, and more streams come
   * as more sessions.
   */
  readonly bare?: boolean
  /** For transports without multiplexing: every session of the server, as it comes. */
  readonly onServerSession?: (pair: SessionPair, handler: (session: Session) => void) => void
}

const MEGABYTE = 1_048_576
const BULK_BYTES = 16 * MEGABYTE

/** More than a receive window, a send buffer and the kernel's buffers for two sockets together. */
const STALL_BYTES = 64 * MEGABYTE

/**
 * What may be between a writer and a reader that does not read: windows and buffers, not a
 * bottomless queue.
 */
const MAX_STALLED_BYTES = 32 * MEGABYTE

/** Runs the suite over one transport. */
export function transportCompliance(name: string, makePair: MakePair, traits: Traits = {}): void {
  const test = (claim: string, body: (t: Test, pair: SessionPair) => Promise<void>): void => {
    void t.test(`${name}: ${claim}`, async t => {
      const pair = await makePair(t)
      t.teardown(async () => {
        await Promise.all([pair.client.close(), pair.server.close()])
      })
      await body(t, pair)
    })
  }
  /** Calls back for each stream that reaches the server, whatever session it comes in. */
  const onServerStream = (pair: SessionPair, handler: (stream: Stream) => void): void => {
    if (!traits.onServerSession) return pair.server.onStream(handler)
    traits.onServerSession(pair, session => session.onStream(handler))
  }
  const openPair = async (pair: SessionPair): Promise<[client: Stream, server: Stream]> => {
    const accepted = new Promise<Stream>(resolve => onServerStream(pair, resolve))
    const client = await pair.client.openStream()
    client.write('!') // a peer learns of a stream with its first bytes
    const server = await accepted
    await readBytes(server, 1)
    return [client, server]
  }

  /** Without multiplexing a session lives as long as its first stream. */
  const keepAlive = async ({ client }: SessionPair): Promise<void> => {
    if (traits.bare === true) await client.openStream()
  }

  test('what is sent comes back from an echo', async (t, pair) => {
    onServerStream(pair, stream => stream.pipe(stream))
    const stream = await pair.client.openStream()
    stream.end('hello')
    t.equal(String(await readAll(stream)), 'hello')
  })

  test('bulk goes both ways at once and arrives whole', async (t, pair) => {
    const up = randomBytes(BULK_BYTES)
    const down = randomBytes(BULK_BYTES)
    const [client, server] = await openPair(pair)
    const received = Promise.all([hashAll(client), hashAll(server)])
    client.end(up)
    server.end(down)
    t.strictSame(await received, [hash(down), hash(up)])
  })

  test('the side that ends first still receives the answer', async (t, pair) => {
    const [client, server] = await openPair(pair)
    client.end('question')
    t.equal(String(await readAll(server)), 'question')
    server.end('answer')
    t.equal(String(await readAll(client)), 'answer')
  })

  test('the accepting side may end first as well', async (t, pair) => {
    const [client, server] = await openPair(pair)
    server.end('greeting')
    t.equal(String(await readAll(client)), 'greeting')
    client.end('thanks')
    t.equal(String(await readAll(server)), 'thanks')
  })

  test('a stream that ended both ways closes on both sides', async (t, pair) => {
    const [client, server] = await openPair(pair)
    const closed = Promise.all([closing(client), closing(server)])
    client.end()
    server.end()
    client.resume()
    server.resume()
    await closed
    t.notOk(client.errored ?? server.errored)
  })

  test('destroying a stream reaches the peer without a listener for errors', async (t, pair) => {
    const [client, server] = await openPair(pair)
    const over = endOrClose(server)
    server.resume()
    client.destroy()
    await over
    server.destroy()
    t.pass('neither silence nor an uncaught error')
  })

  test('a destroyed stream stops the peer that writes to it', async (t, pair) => {
    const [client, server] = await openPair(pair)
    const closed = closing(server)
    const stopWriting = writeForever(server)
    client.destroy()
    await closed
    stopWriting()
    t.ok(server.destroyed)
  })

  test('a reader that stops costs bounded memory and no other stream', async (t, pair) => {
    const accepted: Stream[] = []
    onServerStream(pair, stream => accepted.push(stream))
    const stalled = await pair.client.openStream()
    let sent = 0
    const chunk = Buffer.alloc(65_536)
    const write = (): void => {
      while (sent < STALL_BYTES && !stalled.destroyed) {
        sent += chunk.length
        if (!stalled.write(chunk)) return
      }
    }
    stalled.on('drain', write)
    write()
    // What is opened in the same turn may overtake bulk, and be the first to come.
    await waitFor(() => accepted.length === 1)
    const other = await pair.client.openStream()
    other.write('x')
    await waitFor(() => accepted.length === 2)
    const echo = accepted[1]
    if (!echo) throw new Error('the second stream did not come')
    echo.pipe(echo)
    await readBytes(other, 1)
    // Eight megabytes there and back give the stalled one all the time it could want.
    const moved = readBytes(other, 8 * MEGABYTE)
    other.write(Buffer.alloc(8 * MEGABYTE, 1))
    await moved
    t.ok(sent < MAX_STALLED_BYTES, `${sent} bytes were taken for a reader that does not read`)
    stalled.destroy()
  })

  test('a reader that starts again gets everything', async (t, pair) => {
    const [client, server] = await openPair(pair)
    const data = randomBytes(12 * MEGABYTE)
    client.end(data)
    await waitFor(() => server.readableLength > 0)
    t.equal(await hashAll(server), hash(data))
  })

  test('streams one after another leave nothing behind', async (t, pair) => {
    await keepAlive(pair)
    let open = 0
    onServerStream(pair, stream => {
      open++
      stream.once('close', () => open--)
      stream.pipe(stream)
    })
    const count = traits.bare === true ? 100 : 1000
    for (let index = 0; index < count; index++) {
      const stream = await pair.client.openStream()
      const closed = closing(stream)
      stream.end(`n${index}`)
      const answer = String(await readAll(stream))
      if (answer !== `n${index}`) throw new Error(`stream ${index} answered ${answer}`)
      await closed
    }
    const kept = traits.bare === true ? 1 : 0
    await waitFor(() => open <= kept)
    t.pass('all are closed')
  })

  test('two hundred streams at once keep their bytes apart', async (t, pair) => {
    await keepAlive(pair)
    onServerStream(pair, stream => stream.pipe(stream))
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const stream = await pair.client.openStream()
        const data = Buffer.alloc(10_000, index)
        stream.end(data)
        return data.equals(await readAll(stream))
      }),
    )
    t.ok(answers.every(Boolean))
  })

  test('zero bytes are nothing and single bytes keep their order', async (t, pair) => {
    const [client, server] = await openPair(pair)
    client.write(Buffer.alloc(0))
    const bytes = Array.from({ length: 1000 }, (_, index) => index % 251)
    for (const byte of bytes) {
      client.write(Buffer.of(byte))
      client.write(Buffer.alloc(0))
    }
    client.end()
    t.strictSame([...(await readAll(server))], bytes)
  })

  test('writes of all sizes arrive in order', async (t, pair) => {
    const [client, server] = await openPair(pair)
    const pieces = [1, 16_383, 12, 65_536, 5, 100_000, 1, 1, 262_144, 3].map(size => randomBytes(size))
    const received = hashAll(server)
    for (const piece of pieces) client.write(piece)
    client.end()
    t.equal(await received, hash(Buffer.concat(pieces)))
  })

  test('a stream that is never written is harmless', async (t, pair) => {
    await keepAlive(pair)
    onServerStream(pair, stream => stream.pipe(stream))
    const unused = await pair.client.openStream()
    unused.destroy()
    const next = await pair.client.openStream()
    next.end('next')
    t.equal(String(await readAll(next)), 'next')
  })

  test('a stream that is ended without a byte is an empty stream', async (t, pair) => {
    onServerStream(pair, stream => stream.pipe(stream))
    const stream = await pair.client.openStream()
    stream.end()
    t.equal((await readAll(stream)).length, 0)
  })

  if (traits.bare !== true) {
    test('the server opens streams too', async (t, pair) => {
      t.equal(pair.server.canOpen, true)
      pair.client.onStream(stream => stream.pipe(stream))
      const stream = await pair.server.openStream()
      stream.end('from the server')
      t.equal(String(await readAll(stream)), 'from the server')
    })

    test('both sides open at once', async (t, pair) => {
      const { client, server } = pair
      for (const session of [client, server]) session.onStream(stream => stream.pipe(stream))
      const echo = async (session: Session, text: string): Promise<string> => {
        const stream = await session.openStream()
        stream.end(text)
        return String(await readAll(stream))
      }
      const sessions = Array.from({ length: 40 }, (_, index) => (index % 2 ? client : server))
      const answers = await Promise.all(sessions.map((session, index) => echo(session, `${index}`)))
      t.strictSame(answers, sessions.map((_, index) => `${index}`))
    })
  } else {
    test('the server cannot open streams, and says so', async (t, pair) => {
      t.equal(pair.server.canOpen, false)
      await t.rejects(pair.server.openStream())
    })
  }

  test('closing the session ends its streams on both sides', async (t, pair) => {
    const [client, server] = await openPair(pair)
    const over = Promise.all([endOrClose(client), endOrClose(server)])
    client.resume()
    server.resume()
    await pair.client.close('done')
    await over
    t.match(await pair.client.closed, { by: 'local' })
    server.destroy()
    t.match(await pair.server.closed, { by: traits.bare === true ? String : 'remote' })
  })

  test('a session that is closed twice is closed', async (t, pair) => {
    await Promise.all([pair.client.close(), pair.client.close()])
    await pair.client.close()
    t.match(await pair.client.closed, { by: 'local' })
  })

  test('a closed session opens no stream', async (t, pair) => {
    await pair.client.close()
    await t.rejects(pair.client.openStream(), { code: 'SESSION_CLOSED' })
  })

  test('a peer that vanishes ends session and streams', async (t, pair) => {
    if (!pair.vanish) return
    const [client, server] = await openPair(pair)
    const over = Promise.all([endOrClose(client), endOrClose(server)])
    client.resume()
    server.resume()
    pair.vanish()
    await over
    client.destroy()
    server.destroy()
    t.not((await pair.client.closed).by, undefined)
    t.not((await pair.server.closed).by, undefined)
  })
}

/** Everything to the end; rejects when the stream fails first. */
export async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Exactly so many bytes, and leaves the rest. */
export function readBytes(stream: Duplex, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const onReadable = (): void => {
      while (length < count) {
        const chunk = stream.read() as Buffer | null // Node gives Buffers here, or null
        if (!chunk) return
        chunks.push(chunk)
        length += chunk.length
      }
      done()
      const all = Buffer.concat(chunks)
      if (length > count) stream.unshift(all.subarray(count))
      resolve(all.subarray(0, count))
    }
    const onClose = (): void => {
      done()
      reject(stream.errored ?? new Error(`the stream closed after ${length} of ${count} bytes`))
    }
    const done = (): void => {
      stream.off('readable', onReadable)
      stream.off('close', onClose)
    }
    stream.on('readable', onReadable)
    stream.on('close', onClose)
    onReadable()
  })
}

async function hashAll(stream: Duplex): Promise<string> {
  const sum = createHash('sha256')
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) sum.update(chunk as Buffer)
  return sum.digest('hex')
}

function hash(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function endOrClose(stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
}

/** Unlike `once`, does not mind an error on the way. */
function closing(stream: Duplex): Promise<void> {
  return new Promise(resolve => stream.once('close', resolve))
}

function writeForever(stream: Duplex): () => void {
  const chunk = Buffer.alloc(65_536)
  let isOver = false
  const write = (): void => {
    while (!isOver && !stream.destroyed) if (!stream.write(chunk)) return
  }
  stream.on('drain', write)
  stream.resume()
  write()
  return () => (isOver = true)
}

/**
 * Until something is so, looking again in each turn of the event loop; the test's own time-out is
 * the bound.
 */
export async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setImmediate(resolve))
}
