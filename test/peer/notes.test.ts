// Hints beside QUIC, and the keys that they and the hellos are made with.

import t from 'tap'
import type { Hint } from '../../nat/index.ts'
import { isProofOf, peerKeys, proofOf } from '../../lib/peer/keys.ts'
import { Notes } from '../../lib/peer/notes.ts'
import { isStun } from '../../lib/peer/port.ts'

const SESSION = {
  toProxy: Buffer.alloc(32, 1),
  toVisitor: Buffer.alloc(32, 2),
  proof: Buffer.alloc(16),
}
const visitor = peerKeys(SESSION, 'visitor')
const owner = peerKeys(SESSION, 'owner')
const stranger = peerKeys({ ...SESSION, toProxy: Buffer.alloc(32, 3) }, 'visitor')

const HINTS: readonly Hint[] = [
  { type: 'use', kind: 'lan' },
  { type: 'using', kind: 'relay' },
  { type: 'lost', kind: 'v4' },
  { type: 'rebound' },
]

t.test('each hint arrives once, both ways, and looks like STUN on the way', async t => {
  const [a, b] = [new Notes(visitor.notes), new Notes(owner.notes)]
  for (const hint of HINTS) {
    const data = a.encode(hint)
    t.ok(isStun(data), 'told apart from QUIC by its first bytes')
    t.strictSame(b.decode(data), hint)
    t.equal(b.decode(data), undefined, 'not a second time')
    t.strictSame(a.decode(b.encode(hint)), hint)
  }
})

t.test('nobody else is understood, nothing that was changed, and not oneself', async t => {
  const [a, b] = [new Notes(visitor.notes), new Notes(owner.notes)]
  const data = a.encode({ type: 'rebound' })
  for (let at = 0; at < data.length; at++) {
    // The transaction id of the head says nothing.
    if (at >= 8 && at < 20) continue
    const changed = Buffer.from(data)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    if (at >= 2 && at < 8) continue
    t.equal(b.decode(changed), undefined, `byte ${at}`)
  }
  t.equal(b.decode(new Notes(stranger.notes).encode({ type: 'rebound' })), undefined, 'a stranger')
  t.equal(a.decode(data), undefined, 'an echo')
  t.equal(b.decode(Buffer.alloc(1_000)), undefined, 'something long')
  t.strictSame(b.decode(data), { type: 'rebound' }, 'the real one is still taken')
})

t.test('a proof is good for its role, its certificate and its secret only', async t => {
  const certificate = Buffer.from('certificate')
  const proof = proofOf(visitor, 'visitor', certificate)
  t.ok(isProofOf(owner, 'visitor', { certificate, proof }))
  t.notOk(isProofOf(owner, 'owner', { certificate, proof }), 'another role')
  const other = Buffer.from('Certificate')
  t.notOk(isProofOf(owner, 'visitor', { certificate: other, proof }), 'a man in the middle')
  t.notOk(isProofOf(stranger, 'visitor', { certificate, proof }), 'another secret')
  t.notOk(isProofOf(owner, 'visitor', { certificate, proof: proof.subarray(1) }), 'a part of it')
})
