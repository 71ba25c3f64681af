import t from 'tap'
import { encodeFrame, FrameReader } from '../../bench/lab/frames.ts'

t.test('values come out as they went in, however the bytes are cut', async t => {
  const values = [{ to: { ip: '10.0.0.1', behind: undefined } }, Infinity, 'x'.repeat(1000), []]
  const bytes = Buffer.concat(values.map(encodeFrame))
  for (const size of [1, 3, 7, 1000, bytes.length]) {
    const reader = new FrameReader()
    const read: unknown[] = []
    for (let at = 0; at < bytes.length; at += size) {
      read.push(...reader.read(bytes.subarray(at, at + size)))
    }
    t.strictSame(read, values, `pieces of ${size}`)
  }
})

t.test('a piece can be used again once it is read', async t => {
  const reader = new FrameReader()
  const bytes = encodeFrame('kept')
  const piece = Buffer.from(bytes.subarray(0, 8))
  t.strictSame(reader.read(piece), [])
  piece.fill(0)
  t.strictSame(reader.read(bytes.subarray(8)), ['kept'])
})
