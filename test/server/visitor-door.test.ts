// Who may visit a secret proxy, and who checks his key.

import t from 'tap'
import { admit, type Verdict, type Visit, type Visited } from '../../lib/server/visitor-door.ts'
import { authKey } from '../../lib/wire/auth.ts'
import type { NewVisitorConn } from '../../lib/wire/messages.ts'

const PREKEY = Buffer.alloc(32, 1).toString('base64')
const OFFER = {
  ephemeral: Buffer.alloc(32, 2).toString('base64'),
  prekey: PREKEY,
  proof: 'p',
  priority: '',
  early: false,
}

/** Of a real owner, who brought the secret. */
const real: Visited = {
  name: 'ann.ssh',
  owner: 'ann',
  sk: 'secret',
  prekey: '',
  allowUsers: [],
  useCompression: false,
}

/** Of one of ours. */
const own: Visited = { ...real, sk: '', prekey: PREKEY, useCompression: true }

function message(changes: Partial<NewVisitorConn> = {}): NewVisitorConn {
  return {
    type: 'NewVisitorConn',
    run_id: 'r',
    proxy_name: 'ann.ssh',
    sign_key: authKey('secret', 1),
    timestamp: 1,
    use_encryption: true,
    use_compression: false,
    ...changes,
  }
}

function visit(changes: Partial<Visit> = {}): Visit {
  return { message: message(), user: 'ann', isOwn: false, challenge: undefined, ...changes }
}

const refusal = (reason: string): Verdict => ({ type: 'refuse', reason })

t.test('errors have the words of frp, in its order', async t => {
  t.strictSame(admit(undefined, visit()), refusal("custom listener for [ann.ssh] doesn't exist"))
  t.strictSame(
    admit(real, visit({ message: message({ sign_key: 'x' }), user: 'eve' })),
    refusal('visitor connection of [ann.ssh] auth failed'),
  )
  t.strictSame(
    admit(real, visit({ user: 'eve' })),
    refusal('visitor connection of [ann.ssh] user [eve] not allowed'),
  )
})

t.test('an empty list is the owner alone, a star is everybody, else the names count', async t => {
  const mayVisit = (allowUsers: string[], user: string): boolean =>
    admit({ ...real, allowUsers }, visit({ user })).type === 'checked'
  t.ok(mayVisit([], 'ann'))
  t.notOk(mayVisit([], 'bob'))
  t.notOk(mayVisit([], ''))
  t.ok(mayVisit(['*'], 'bob'))
  t.ok(mayVisit(['bob', 'eve'], 'eve'))
  t.notOk(mayVisit(['bob'], 'ann'))
})

t.test('a real visitor of a real owner is checked here', async t => {
  t.strictSame(admit(real, visit()), { type: 'checked', sk: 'secret' })
})

t.test('a visitor of ours gets a number for his key, and no other number will do', async t => {
  const first = visit({ isOwn: true, message: message({ sign_key: '', quicfrp: OFFER }) })
  t.strictSame(admit(real, first), { type: 'challenge' })
  const second = (timestamp: number): Verdict => {
    const key = { sign_key: authKey('secret', timestamp), timestamp }
    return admit(real, visit({ isOwn: true, challenge: 7, message: message(key) }))
  }
  t.equal(second(7).type, 'checked')
  t.strictSame(second(8), refusal('visitor connection of [ann.ssh] auth failed'))
})

t.test('an owner of ours checks a real visitor himself', async t => {
  t.match(admit(own, visit()), {
    type: 'owner-checks',
    introduction: { ephemeral: '', sign_key: authKey('secret', 1), use_encryption: true },
  })
})

t.test('two of ours are introduced, and a proof for another prekey is left out', async t => {
  const offered = (prekey: string): Verdict =>
    admit(own, visit({ isOwn: true, message: message({ quicfrp: { ...OFFER, prekey } }) }))
  t.match(offered(PREKEY), {
    type: 'end-to-end',
    introduction: { ephemeral: OFFER.ephemeral, prekey: PREKEY, proof: 'p', sign_key: '' },
    answer: { prekey: PREKEY, use_compression: true },
  })
  t.match(offered('older'), { introduction: { prekey: PREKEY, proof: '' } })
})

t.test('who has sent bytes with his offer is introduced if the owner can read them', async t => {
  const offered = (prekey: string): Verdict => {
    const quicfrp = { ...OFFER, prekey, early: true }
    return admit(own, visit({ isOwn: true, message: message({ quicfrp }) }))
  }
  t.match(offered(PREKEY), { type: 'end-to-end', introduction: { proof: 'p' } })
  const answer = { prekey: PREKEY, challenge: 0, use_compression: true }
  for (const other of ['', 'older']) t.strictSame(offered(other), { type: 'other-prekey', answer })
})

t.test('the list of users counts for those of ours, too', async t => {
  const eve = visit({ isOwn: true, user: 'eve', message: message({ quicfrp: OFFER }) })
  const text = 'visitor connection of [ann.ssh] user [eve] not allowed'
  t.strictSame(admit(own, eve), refusal(text))
  t.strictSame(admit(real, { ...eve, message: message({ sign_key: '' }) }), refusal(text))
})
