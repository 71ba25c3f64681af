import t from 'tap'
import { ReceiveQueue } from '../../lib/mux/receive-queue.ts'
import { seededRandom, testSeed } from '../support/random.ts'

function drain(queue: ReceiveQueue): Buffer[] {
  const pieces: Buffer[] = []
  for (let piece = queue.shift(); piece; piece = queue.shift()) pieces.push(piece)
  return pieces
}

/** Bytes of memory that the pieces keep alive. */
function retained(pieces: readonly Buffer[]): number {
  const buffers = new Set(pieces.map(piece => piece.buffer))
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)
}

t.test('bytes come out as they went in, whatever their sizes', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const queue = new ReceiveQueue()
  const input: Buffer[] = []
  const output: Buffer[] = []
  for (let step = 0; step < 2000; step++) {
    const chunk = random.bytes(16_384)
    const piece = chunk.subarray(0, random.below(3) === 0 ? 1 + random.below(16_384) : 1 + random.below(40))
    queue.push(piece)
    input.push(piece)
    if (random.below(2) === 0) {
      const taken = queue.shift()
      if (taken) output.push(taken)
    }
  }
  output.push(...drain(queue))
  t.ok(Buffer.concat(input).equals(Buffer.concat(output)))
  t.equal(queue.bytes, 0)
})

t.test('single bytes of large chunks cost about their number', async t => {
  const queue = new ReceiveQueue()
  const chunk = Buffer.allocUnsafeSlow(16_384)
  for (let index = 0; index < 100_000; index++) queue.push(chunk.subarray(index % 100, (index % 100) + 1))
  t.equal(queue.bytes, 100_000)
  const pieces = drain(queue)
  t.ok(retained(pieces) < 130_000, `${retained(pieces)} bytes are kept`)
  t.ok(pieces.length < 30, `${pieces.length} pieces`)
})

t.test('one byte costs little', async t => {
  const queue = new ReceiveQueue()
  queue.push(Buffer.allocUnsafeSlow(65_536).subarray(0, 1))
  t.ok(retained(drain(queue)) <= 256)
})

t.test('a large slice is not copied', async t => {
  const queue = new ReceiveQueue()
  const chunk = Buffer.allocUnsafeSlow(16_384)
  queue.push(chunk.subarray(12))
  t.equal(drain(queue)[0]?.buffer, chunk.buffer)
})
