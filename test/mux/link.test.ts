import t from 'tap'
import { Duplex } from 'node:stream'
import { ManualClock } from '../../lib/clock.ts'
import { encodeHeader } from '../../lib/mux/frame.ts'
import { MuxLink, type MuxOptions } from '../../lib/mux/link.ts'
import { waitFor } from '../compliance/transport.ts'

type Callback = (error?: Error | null) => void

/** A connection whose writes are seen one by one, and which can stop taking them. */
class Wire extends Duplex {
  readonly writes: Buffer[] = []
  isStuck = false
  #held: Callback | undefined

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#take([chunk], callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    this.#take(chunks.map(({ chunk }) => chunk), callback)
  }

  /** The peer closes in return. */
  override _final(callback: Callback): void {
    this.push(null)
    callback()
  }

  #take(chunks: Buffer[], callback: Callback): void {
    this.writes.push(Buffer.concat(chunks))
    if (this.isStuck) this.#held = callback
    else setImmediate(callback)
  }

  release(): void {
    this.isStuck = false
    this.#held?.()
  }
}

function linked(options: Partial<MuxOptions> = {}): { wire: Wire; link: MuxLink } {
  const wire = new Wire()
  return { wire, link: new MuxLink(wire, { role: 'server', keepaliveMs: 0, ...options }) }
}

function syn(streamId: number): Buffer {
  return encodeHeader({ type: 1, flags: 1, streamId, length: 0 })
}

function ping(length: number): Buffer {
  return encodeHeader({ type: 2, flags: 1, streamId: 0, length })
}

t.test('SYN, header and body of the first write are one write', async t => {
  const { wire, link } = linked({ role: 'client' })
  const stream = await link.open()
  stream.write('hello')
  await waitFor(() => wire.writes.length > 0)
  t.equal(wire.writes[0]?.length, 12 + 12 + 5)
  await link.close()
})

t.test('small writes of many streams in one turn are one write', async t => {
  const { wire, link } = linked({ role: 'client' })
  const streams = await Promise.all([link.open(), link.open(), link.open()])
  for (const stream of streams) stream.write('x')
  await waitFor(() => wire.writes.length > 0)
  t.equal(wire.writes[0]?.length, 3 * (12 + 12 + 1))
  await link.close()
})

t.test('a peer that floods pings and takes no answer is not read further', async t => {
  const { wire, link } = linked()
  wire.isStuck = true
  const flood = Buffer.concat(Array.from({ length: 1000 }, (_, index) => ping(index)))
  let given = 0
  while (!wire.isPaused() && given < 1000) {
    wire.push(flood)
    given++
    await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(given < 30, `${given * 1000} pings were taken`)
  wire.release()
  await waitFor(() => !wire.isPaused())
  t.pass('and is read again when it takes them')
  await link.close()
})

t.test('streams that nobody takes are reset beyond the backlog', async t => {
  const { wire, link } = linked({ backlog: 2 })
  wire.push(Buffer.concat([syn(1), syn(3), syn(5)]))
  await waitFor(() => wire.writes.length > 0)
  const sent = Buffer.concat(wire.writes).toString('hex')
  t.match(sent, '000100080000000500000000')
  t.equal(link.streamCount, 2)
  await link.close()
})

t.test('streams that came before the handler are handed over', async t => {
  const { wire, link } = linked()
  wire.push(syn(1))
  await waitFor(() => link.streamCount === 1)
  let count = 0
  link.onStream(() => count++)
  t.equal(count, 1)
  await link.close()
})

t.test('an open beyond the backlog waits for an ACK', async t => {
  const { wire, link } = linked({ role: 'client', backlog: 1 })
  await link.open()
  const second = link.open()
  t.equal(link.streamCount, 1)
  wire.push(encodeHeader({ type: 1, flags: 2, streamId: 1, length: 0 }))
  await second
  t.equal(link.streamCount, 2)
  await link.close()
})

t.test('a waiting open fails when the session closes', async t => {
  const { link } = linked({ role: 'client', backlog: 1 })
  await link.open()
  const second = link.open()
  void link.close()
  await t.rejects(second, { code: 'SESSION_CLOSED' })
})

t.test('a peer that stops answering is lost after its ping and ten seconds', async t => {
  const clock = new ManualClock()
  const { link } = linked({ keepaliveMs: 30_000, clock })
  clock.advance(9999)
  t.equal(await Promise.race([link.closed, 'open']), 'open')
  clock.advance(1)
  t.match(await link.closed, { by: 'lost', detail: /not answered a ping for 10 s/ })
})

t.test('a connection that takes nothing is lost after ten seconds', async t => {
  const clock = new ManualClock()
  const { wire, link } = linked({ role: 'client', clock })
  wire.isStuck = true
  const stream = await link.open()
  stream.write(Buffer.alloc(100_000))
  clock.advance(10_000)
  t.match(await link.closed, { by: 'lost', detail: /takes no more bytes/ })
  t.ok(stream.destroyed)
})

t.test('a broken rule is answered with a go-away frame and loses the session', async t => {
  const { wire, link } = linked()
  wire.push(Buffer.from('GET / HTTP/1.1'))
  t.match(await link.closed, { by: 'lost', detail: /yamux.*GET/ })
  t.equal(wire.writes.at(-1)?.toString('hex'), '000300000000000000000001')
})

t.test('bulk of one stream waits in the stream, not in the connection', async t => {
  const { wire, link } = linked({ role: 'client' })
  wire.isStuck = true
  const bulk = await link.open()
  for (let index = 0; index < 20; index++) bulk.write(Buffer.alloc(65_536))
  t.ok(wire.writableLength <= 262_144, `${wire.writableLength} bytes are in the connection`)
  const other = await link.open()
  other.write('key')
  wire.release()
  await waitFor(() => wire.writes.some(write => write.includes('key')))
  const before = Buffer.concat(wire.writes).indexOf('key')
  t.ok(before <= 131_072 + 200, `${before} bytes went before a key that came later`)
  await link.close()
})
