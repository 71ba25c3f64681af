// What tells a whole transfer from a damaged one, and what the lab's STUN server answers.

import t from 'tap'
import { answerTo } from '../../bench/nat/stun.ts'
import { BLOCK_BYTES, BlockCheck, blockOf } from '../../bench/nat/traffic.ts'

const STREAM = Buffer.concat([0, 1, 2, 3].map(blockOf))

function wrongBytesOf(stream: Uint8Array, pieceBytes: number): number {
  const check = new BlockCheck()
  for (let at = 0; at < stream.length; at += pieceBytes) {
    check.push(stream.subarray(at, at + pieceBytes))
  }
  return check.wrongBytes
}

t.test('a whole stream is right, in pieces of any size', async t => {
  for (const bytes of [1000, 4093, BLOCK_BYTES, STREAM.length]) {
    t.equal(wrongBytesOf(STREAM, bytes), 0, `pieces of ${bytes} bytes`)
  }
})

t.test('one wrong byte is one wrong byte', async t => {
  const stream = Buffer.from(STREAM)
  stream[BLOCK_BYTES + 77] = (stream[BLOCK_BYTES + 77] ?? 0) ^ 1
  t.equal(wrongBytesOf(stream, 5000), 1)
})

t.test('a block that is missing, comes twice or is moved shows', async t => {
  const [zero, one, two] = [blockOf(0), blockOf(1), blockOf(2)]
  t.ok(wrongBytesOf(Buffer.concat([zero, two]), 9000) > 0, 'missing')
  t.ok(wrongBytesOf(Buffer.concat([zero, zero]), 9000) > 0, 'twice')
  t.ok(wrongBytesOf(Buffer.concat([one, zero]), 9000) > 0, 'moved')
  const part = Buffer.concat([zero.subarray(0, 1000), zero.subarray(2448)])
  t.ok(wrongBytesOf(part, 9000) > 0, 'a packet is missing')
})

t.test('the STUN server tells the address it sees and its other one', async t => {
  const id = Buffer.from('0123456789ab')
  const request = Buffer.concat([Buffer.from('000100002112a442', 'hex'), id])
  const from = { address: '203.0.113.10', port: 40_001 }
  const other = { address: '198.51.100.21', port: 3479 }
  const answer = answerTo(request, from, other) ?? Buffer.alloc(0)
  t.equal(answer.readUInt16BE(0), 0x0101)
  t.equal(answer.readUInt16BE(2), answer.length - 20)
  t.ok(answer.subarray(8, 20).equals(id))
  t.equal(answer.readUInt16BE(20 + 12), 0x0020, 'XOR-MAPPED-ADDRESS comes second')
  t.equal(answer.readUInt16BE(20 + 12 + 6) ^ 0x2112, 40_001)
  t.equal((answer.readUInt32BE(20 + 12 + 8) ^ 0x2112a442) >>> 0, 0xcb00710a)
  t.equal(answer.readUInt16BE(20 + 24), 0x802c, 'OTHER-ADDRESS')
  t.equal(answer.readUInt16BE(20 + 24 + 6), 3479)
})

t.test('the STUN server leaves alone what is no Binding request', async t => {
  const other = { address: '198.51.100.21', port: 3479 }
  const from = { address: '203.0.113.10', port: 1 }
  for (const junk of [Buffer.alloc(0), Buffer.alloc(19), Buffer.alloc(20), Buffer.alloc(40, 255)]) {
    t.equal(answerTo(junk, from, other), undefined)
  }
})
