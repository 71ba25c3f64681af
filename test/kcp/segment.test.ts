import t from 'tap'
import {
  Command,
  distance,
  isAllSegments,
  newSegment,
  readSegment,
  type Segment,
  writeHeader,
} from '../../lib/kcp/segment.ts'

/** As captured from a real frpc, without its frame: 203 bytes follow. */
const HEADER = Buffer.from('4c261662510000021600000000000000' + '00000000cb000000', 'hex')
const CONV = 0x6216264c
const CAPTURED = Buffer.concat([HEADER, Buffer.alloc(203)])

const SEGMENT: Segment = {
  command: Command.push,
  window: 512,
  ts: 22,
  sn: 0,
  una: 0,
  start: 24,
  end: 227,
}

t.test('the first segment of a real frpc is read and written', async t => {
  const segment = newSegment()
  t.equal(readSegment(CAPTURED, 0, CONV, segment), CAPTURED.length)
  t.strictSame(segment, SEGMENT)
  const written = Buffer.alloc(24)
  writeHeader(written, 0, CONV, SEGMENT)
  t.ok(written.equals(HEADER))
})

t.test('what is no segment of the conversation is not read', async t => {
  const segment = newSegment()
  t.equal(readSegment(CAPTURED, 0, 1, segment), -1, 'another conversation')
  t.equal(readSegment(CAPTURED.subarray(0, 23), 0, CONV, segment), -1, 'half a header')
  t.equal(readSegment(CAPTURED.subarray(0, 226), 0, CONV, segment), -1, 'bytes are missing')
  for (const command of [0, 80, 85, 255]) {
    const wrong = Buffer.from(CAPTURED)
    wrong.writeUInt8(command, 4)
    t.equal(readSegment(wrong, 0, CONV, segment), -1, `command ${command}`)
  }
  const long = Buffer.concat([HEADER, Buffer.alloc(60_000)])
  long.writeUInt32LE(60_000, 20)
  t.equal(readSegment(long, 0, CONV, segment), -1, 'longer than any peer makes them')
})

t.test('a datagram is segments to its end, or none', async t => {
  t.equal(isAllSegments(CAPTURED, 0, CONV), true)
  t.equal(isAllSegments(Buffer.concat([CAPTURED, CAPTURED]), 0, CONV), true)
  t.equal(isAllSegments(Buffer.concat([CAPTURED, Buffer.alloc(1)]), 0, CONV), false)
  t.equal(isAllSegments(Buffer.alloc(0), 0, CONV), false)
})

t.test('numbers go on over the end of 32 bits', async t => {
  t.equal(distance(2, 0xffff_ffff), 3)
  t.equal(distance(0xffff_ffff, 2), -3)
})
