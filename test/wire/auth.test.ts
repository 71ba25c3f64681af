import t from 'tap'
import { authKey, isAuthKey } from '../../lib/wire/auth.ts'

t.test('keys are those of the vectors', async t => {
  t.equal(authKey('secret', 1_700_000_000), 'e37729af62f40f134311cffbc230178e')
  t.equal(authKey('', 1_700_000_000), '24920decf83f6960b80f737a28eeafc1')
  t.equal(authKey('sk1', 1), 'db19e8167bed1fff6ba9e15c288cba08')
})

t.test('only the key of this secret and this timestamp is right', async t => {
  const key = authKey('secret', 7)
  t.ok(isAuthKey('secret', 7, key))
  t.notOk(isAuthKey('secret', 8, key))
  t.notOk(isAuthKey('other', 7, key))
  t.notOk(isAuthKey('secret', 7, key.toUpperCase()))
})

t.test('a key of a wrong length or with wide characters is wrong, not an error', async t => {
  for (const given of ['', 'x', authKey('secret', 7) + '0', 'é'.repeat(16), '\u0000'.repeat(32)]) {
    t.notOk(isAuthKey('secret', 7, given))
  }
})
