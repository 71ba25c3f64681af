import t from 'tap'
import { resetToken, RetryTokens } from '../../lib/quic/token.ts'

const address = { ip: '192.0.2.1', port: 1234 }
const odcid = Buffer.from('original')

t.test('a token gives back the first id to its own address', async t => {
  const tokens = new RetryTokens()
  const sealed = tokens.seal(address, odcid, 1000)
  t.strictSame(tokens.open(sealed, address, 2000), odcid)
})

t.test('old, moved, altered, truncated and foreign tokens are refused', async t => {
  const tokens = new RetryTokens()
  const sealed = tokens.seal(address, odcid, 1000)
  t.equal(tokens.open(sealed, address, 11_001), undefined, 'older than 10 s')
  t.equal(tokens.open(sealed, address, 999), undefined, 'from the future')
  t.equal(tokens.open(sealed, { ...address, port: 1 }, 2000), undefined, 'another port')
  t.equal(tokens.open(sealed.subarray(0, -1), address, 2000), undefined, 'truncated')
  t.equal(tokens.open(new Uint8Array(), address, 2000), undefined, 'empty')
  t.equal(tokens.open(Buffer.alloc(4000), address, 2000), undefined, 'huge')
  t.equal(new RetryTokens().open(sealed, address, 2000), undefined, 'of another server')
  for (let index = 0; index < sealed.length; index++) {
    const altered = Buffer.from(sealed)
    altered.writeUInt8(altered.readUInt8(index) ^ 1, index)
    t.equal(tokens.open(altered, address, 2000), undefined, `byte ${index} altered`)
  }
})

t.test('a reset token depends on the secret and the id', async t => {
  const one = resetToken(Buffer.from('a'), odcid)
  t.equal(one.length, 16)
  t.strictSame(resetToken(Buffer.from('a'), odcid), one, 'the same after a restart')
  t.notSame(resetToken(Buffer.from('b'), odcid), one)
  t.notSame(resetToken(Buffer.from('a'), Buffer.from('other')), one)
})
