import { createCipheriv } from 'node:crypto'
import t from 'tap'
import { decodeSidPacket, encodeSidPacket } from '../../lib/nathole/sid-packet.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import { encodeMessage } from '../../lib/wire/codec.ts'

const KEY = deriveKey('open sesame')
const IV = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const SID = '17953984398f552e01dc09cd0d'
const PACKET = { sid: SID, transactionId: '1795398439aa', isResponse: true }

const encode = (random = 0, packet = PACKET): Buffer =>
  encodeSidPacket(packet, { key: KEY, iv: IV, random: () => random })

t.test('what is written is read with the same key only', async t => {
  t.strictSame(decodeSidPacket(encode(), KEY), PACKET)
  t.equal(decodeSidPacket(encode(), deriveKey('open barley')), undefined)
})

t.test('the bytes are an IV and the v1 frame under AES-128-CFB, as frp’s', async t => {
  const cipher = createCipheriv('aes-128-cfb', KEY, IV)
  const json = `{"transaction_id":"${PACKET.transactionId}","sid":"${PACKET.sid}","response":true}`
  const head = Buffer.alloc(9)
  head.write('5')
  head.writeUInt32BE(json.length, 5)
  const expected = Buffer.concat([IV, cipher.update(Buffer.concat([head, Buffer.from(json)]))])
  t.strictSame(encode(), expected)
})

t.test('the length varies by up to 19 zeros', async t => {
  t.equal(encode(0.999).length - encode().length, '"nonce":"0000000000000000000",'.length)
  t.strictSame(decodeSidPacket(encode(0.999), KEY), PACKET)
})

t.test('anything else is undefined and never throws', async t => {
  const good = encode()
  for (let length = 0; length < good.length; length++) {
    t.equal(decodeSidPacket(good.subarray(0, length), KEY), undefined)
  }
  t.equal(decodeSidPacket(Buffer.concat([good, Buffer.of(0)]), KEY), undefined, 'one byte more')
  t.equal(decodeSidPacket(Buffer.alloc(2_000), KEY), undefined)
  const otherMessage = (frame: Buffer): Buffer =>
    Buffer.concat([IV, createCipheriv('aes-128-cfb', KEY, IV).update(frame)])
  t.equal(decodeSidPacket(otherMessage(encodeMessage({ type: 'Ping' })), KEY), undefined)
  const notJson = Buffer.from('5\0\0\0\0\0\0\0\x04nope', 'latin1')
  t.equal(decodeSidPacket(otherMessage(notJson), KEY), undefined)
})
