import t from 'tap'
import { decodeStun, encodeStun } from '../../../nat/stun/codec.ts'
import type { StunMessage } from '../../../nat/stun/message.ts'
import { seededRandom } from '../../../bench/lab/model/random.ts'

const transactionId = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex')

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
}

function roundTrip(message: StunMessage): unknown {
  return decodeStun(encodeStun(message))
}

t.test('a plain request has 20 bytes, and the layout of RFC 8489', async t => {
  const data = encodeStun({ kind: 'request', transactionId })
  t.equal(data.toString('hex'), '000100002112a442b7e7a701bc34d686fa87dfae')
})

t.test('the IPv4 response of RFC 5769 is read', async t => {
  // Section 2.2: SOFTWARE, XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY, FINGERPRINT.
  const data = bytes(`
    0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220
    00200008 0001a147 e112a643
    00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
    80280004 c07d4c96`)
  t.match(decodeStun(data), { kind: 'success', mapped: { ip: '192.0.2.1', port: 32853 } })
})

t.test('the IPv6 response of RFC 5769 is read', async t => {
  const data = bytes(`
    01010048 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220
    00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
    00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
    80280004 c8fb0b4c`)
  t.match(decodeStun(data), { mapped: { ip: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 } })
})

t.test('addresses of both versions come back as they were', async t => {
  for (const ip of ['203.0.113.9', '0.0.0.1', '2001:db8::1', '::1', 'fe80::1:0:0:2']) {
    for (const port of [1, 0x2112, 65_535]) {
      const address = { ip, port }
      const message = { mapped: address, other: address, origin: address }
      t.match(roundTrip({ kind: 'success', transactionId, ...message }), message)
    }
  }
})

t.test('an error has its code, whatever its tens', async t => {
  for (const errorCode of [300, 400, 401, 420, 438, 500, 699]) {
    t.match(roundTrip({ kind: 'error', transactionId, errorCode, unknown: [3, 0x27] }), {
      kind: 'error',
      errorCode,
      unknown: [3, 0x27],
    })
  }
})

t.test('CHANGE-REQUEST and PADDING come back', async t => {
  const change = { ip: true, port: false }
  t.match(roundTrip({ kind: 'request', transactionId, change, padding: 24 }), {
    change,
    padding: 24,
  })
})

t.test('an old server is understood: MAPPED-ADDRESS and CHANGED-ADDRESS', async t => {
  const data = bytes(`
    01010018 2112a442 b7e7a701 bc34d686 fa87dfae
    00010008 00019c40 c6336407 00050008 00010d97 cb007108`)
  t.match(decodeStun(data), {
    mapped: { ip: '198.51.100.7', port: 40_000 },
    other: { ip: '203.0.113.8', port: 3479 },
  })
})

t.test('of two attributes of a type the first counts', async t => {
  const data = bytes(`
    01010018 2112a442 b7e7a701 bc34d686 fa87dfae
    00010008 00010001 c0000201 00010008 00010002 c0000202`)
  t.match(decodeStun(data), { mapped: { ip: '192.0.2.1', port: 1 } })
})

t.test('what must be understood and is not is named', async t => {
  const data = bytes(`
    00010010 2112a442 b7e7a701 bc34d686 fa87dfae
    00270004 0d960000 80220004 74657374`)
  t.strictSame(decodeStun(data)?.required, [0x27])
})

t.test('lengths that do not fit together are no message', async t => {
  const good = encodeStun({ kind: 'success', transactionId, mapped: { ip: '192.0.2.1', port: 9 } })
  for (let length = 0; length < good.length; length++) {
    t.equal(decodeStun(good.subarray(0, length)), undefined, `cut to ${length} bytes`)
  }
  t.equal(decodeStun(Buffer.concat([good, Buffer.alloc(4)])), undefined, 'four bytes too many')
  const overlong = Buffer.from(good)
  overlong.writeUInt16BE(12, 22)
  t.equal(decodeStun(overlong), undefined, 'an attribute beyond the end')
})

t.test('other methods, other cookies and other protocols are no messages', async t => {
  const data = encodeStun({ kind: 'request', transactionId })
  for (const [at, byte] of [[0, 0x40], [1, 0x03], [4, 0x20]] as const) {
    const changed = Buffer.from(data)
    changed.writeUInt8(byte, at)
    t.equal(decodeStun(changed), undefined, `byte ${at} is ${byte}`)
  }
})

t.test('more attributes than any real message has are not read', async t => {
  const attributes = Buffer.from('80220000'.repeat(33), 'hex')
  const data = Buffer.concat([encodeStun({ kind: 'request', transactionId }), attributes])
  data.writeUInt16BE(attributes.length, 2)
  t.equal(decodeStun(data), undefined)
})

t.test('garbage never throws', async t => {
  const random = seededRandom(7)
  const types = [0x0001, 0x0003, 0x0005, 0x0009, 0x000a, 0x0020, 0x0026, 0x802b, 0x802c, 0x8028]
  let read = 0
  for (let round = 0; round < 20_000; round++) {
    const parts: Buffer[] = []
    for (let count = Math.floor(random() * 4); count > 0; count--) {
      const length = Math.floor(random() * 24)
      const head = Buffer.alloc(4)
      head.writeUInt16BE(types[Math.floor(random() * types.length)] ?? 0)
      head.writeUInt16BE(length, 2)
      const value = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
      // Half of them look like addresses.
      if (length > 2 && random() < 0.5) value.writeUInt8(random() < 0.5 ? 1 : 2, 1)
      parts.push(head, value, Buffer.alloc(-length & 3))
    }
    const attributes = Buffer.concat(parts)
    const data = Buffer.concat([encodeStun({ kind: 'success', transactionId }), attributes])
    data.writeUInt16BE(attributes.length, 2)
    if (decodeStun(data)) read++
  }
  t.ok(read > 1_000, `${read} were messages nevertheless`)
})

t.test('what cannot be written is refused', async t => {
  const short = { kind: 'request', transactionId: Buffer.alloc(11) } as const
  t.throws(() => encodeStun(short), RangeError)
  const mapped = { ip: 'example.com', port: 1 }
  t.throws(() => encodeStun({ kind: 'success', transactionId, mapped }), RangeError)
})
