import t from 'tap'
import { encodeMessage } from '../../lib/wire/codec.ts'
import { CfbDecryptor, CfbEncryptor, deriveKey } from '../../lib/wire/cipher.ts'

const IV = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')

t.test('keys are those of the vectors', async t => {
  t.equal(deriveKey('secret').toString('hex'), '8a69215e54aca50e54f738de611a87f9')
  t.equal(deriveKey('').toString('hex'), 'cdc9dc4c472c37331281df4c232a8407')
})

t.test('two Pings encrypt to the bytes of the vector, the IV once and in front', async t => {
  const encryptor = new CfbEncryptor(deriveKey('secret'), () => IV)
  const ping = encodeMessage({ type: 'Ping' })
  t.equal(encryptor.update(ping).toString('hex'), `${IV.toString('hex')}dc0f8df813e99ddbfa42ac`)
  t.equal(encryptor.update(ping).toString('hex'), '1ef0f2fcbc8da0f6dee2b1')
})

t.test('no IV goes out before the first byte of plain text', async t => {
  const encryptor = new CfbEncryptor(deriveKey(''))
  t.equal(encryptor.update(Buffer.alloc(0)).length, 0)
  t.equal(encryptor.update(Buffer.from('x')).length, 17)
})

t.test('the stream can be split at every byte', async t => {
  const key = deriveKey('secret')
  const text = Buffer.from('what was encrypted comes back, whatever the pieces are')
  const bytes = new CfbEncryptor(key).update(text)
  for (let at = 0; at <= bytes.length; at++) {
    const decryptor = new CfbDecryptor(key)
    const first = decryptor.update(bytes.subarray(0, at))
    t.equal(first.length, Math.max(0, at - 16), 'bytes are given at once')
    t.strictSame(Buffer.concat([first, decryptor.update(bytes.subarray(at))]), text)
  }
})

t.test('the decryptor tells how much of the IV is missing', async t => {
  const decryptor = new CfbDecryptor(deriveKey(''))
  t.equal(decryptor.missingIvBytes, 16)
  t.notOk(decryptor.isInsideIv)
  decryptor.update(IV.subarray(0, 5))
  t.equal(decryptor.missingIvBytes, 11)
  t.ok(decryptor.isInsideIv)
  decryptor.update(IV.subarray(5))
  t.equal(decryptor.missingIvBytes, 0)
  t.notOk(decryptor.isInsideIv)
})

t.test('each direction has an IV of its own', async t => {
  const key = deriveKey('')
  const [one, two] = [new CfbEncryptor(key), new CfbEncryptor(key)].map(encryptor =>
    encryptor.update(Buffer.from('same')),
  )
  t.notSame(one?.subarray(0, 16), two?.subarray(0, 16))
})
