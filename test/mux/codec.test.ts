import t from 'tap'
import { describeBytes, FrameDecoder } from '../../lib/mux/codec.ts'
import { encodeHeader, type FrameHeader } from '../../lib/mux/frame.ts'

function decode(pieces: readonly Buffer[]): { headers: FrameHeader[]; body: string; lefts: number[] } {
  const headers: FrameHeader[] = []
  const body: Buffer[] = []
  const lefts: number[] = []
  const decoder = new FrameDecoder({
    handleHeader: header => void headers.push(header),
    handleBody(bytes, left) {
      body.push(bytes)
      lefts.push(left)
    },
  })
  for (const piece of pieces) decoder.push(piece)
  return { headers, body: Buffer.concat(body).toString('latin1'), lefts }
}

// Recorded from a real frpc (frp-wire.md Appendix A): open stream 1 with a window of 6 MiB, then
// data.
const OPEN = Buffer.from('0001000100000001005c0000', 'hex')
const DATA = Buffer.concat([Buffer.from('000000000000000100000005', 'hex'), Buffer.from('hello')])
const RECORDED: FrameHeader[] = [
  { type: 1, flags: 1, streamId: 1, length: 6_029_312 },
  { type: 0, flags: 0, streamId: 1, length: 5 },
]

t.test('a header is encoded as hashicorp/yamux does', async t => {
  t.equal(
    encodeHeader({ type: 1, flags: 1, streamId: 1, length: 6_029_312 }).toString('hex'),
    OPEN.toString('hex'),
  )
})

t.test('bytes of a real frpc are decoded, wherever they are cut', async t => {
  const all = Buffer.concat([OPEN, DATA, OPEN])
  for (let first = 0; first <= all.length; first++) {
    for (let second = first; second <= all.length; second++) {
      const cut = [all.subarray(0, first), all.subarray(first, second), all.subarray(second)]
      const { headers, body } = decode(cut)
      if (body !== 'hello' || headers.length !== 3) return t.fail(`cut at ${first} and ${second}`)
    }
  }
  t.strictSame(decode([OPEN, DATA]).headers, RECORDED)
})

t.test('a body is handed on as it comes, with what is left of it', async t => {
  t.strictSame(decode([DATA.subarray(0, 14), DATA.subarray(14)]).lefts, [3, 0])
})

t.test('an unknown version is refused at its first byte, and quoted', async t => {
  t.throws(() => decode([Buffer.from('GET')]), { code: 'PROTOCOL_ERROR', message: /"GET"/ })
})

t.test('an unknown type is refused', async t => {
  t.throws(() => decode([Buffer.from('000400000000000000000000', 'hex')]), {
    code: 'PROTOCOL_ERROR',
    message: /type 4/,
  })
})

t.test('bytes that are no text are shown in hex', async t => {
  t.equal(describeBytes(Buffer.of(0, 255)), 'bytes 00ff')
})
