// Who may say what, and when, on the first stream of a peer connection.

import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { TunnelError } from '../../lib/errors.ts'
import { peerKeys } from '../../lib/peer/keys.ts'
import { openSignals, type SignalPeer } from '../../lib/peer/signal-stream.ts'
import { encodeSignal, type Signal } from '../../lib/peer/signals.ts'
import type { PeerRole } from '../../nat/index.ts'
import { duplexPair } from '../support/duplex-pair.ts'

const CERTIFICATE = Buffer.from('certificate')
const SIZE: Signal = { type: 'size', bytes: 1452 }

interface FakePeer extends SignalPeer {
  readonly seen: string[]
}

function fakePeer(role: PeerRole, secret = 1): FakePeer {
  const session = {
    toProxy: Buffer.alloc(32, secret),
    toVisitor: Buffer.alloc(32, 9),
    proof: Buffer.alloc(16),
  }
  const seen: string[] = []
  return {
    role,
    keys: peerKeys(session, role),
    mayRelay: true,
    onSignal: undefined,
    seen,
    begin: () => void seen.push('begin'),
    handleHello: mayRelay => void seen.push(`hello ${mayRelay}`),
    handleSignal: ({ type }) => void seen.push(type),
    close: detail => void seen.push(`close: ${detail}`),
  }
}

function ends(t: Test): ReturnType<typeof duplexPair> {
  const pair = duplexPair()
  t.teardown(() => pair.forEach(end => end.destroy()))
  return pair
}

t.test('a visitor begins at once, its owner when it has heard who that is', async t => {
  const clock = new ManualClock()
  const [near, far] = ends(t)
  const visitor = fakePeer('visitor')
  const owner = fakePeer('owner')
  const isProven = openSignals(near, { peer: visitor, certificate: CERTIFICATE, clock })
  t.strictSame(visitor.seen, ['begin'])
  visitor.onSignal?.(SIZE)
  await openSignals(far, { peer: owner, certificate: CERTIFICATE, clock })
  owner.onSignal?.(SIZE)
  await isProven
  t.strictSame(owner.seen, ['hello true', 'size'], 'what was sent early is heard')
  t.equal(visitor.seen[1], 'hello true')
})

t.test('an owner says nothing before it has heard who is there', async t => {
  const [near] = ends(t)
  const owner = fakePeer('owner')
  openSignals(near, { peer: owner, certificate: CERTIFICATE, clock: new ManualClock() }).catch(() => {})
  t.equal(owner.onSignal, undefined)
  t.strictSame(owner.seen, [])
})

t.test('with another secret nobody is heard, and it is over', async t => {
  const clock = new ManualClock()
  const [near, far] = ends(t)
  const visitor = fakePeer('visitor', 2)
  const owner = fakePeer('owner')
  const opening = openSignals(near, { peer: visitor, certificate: CERTIFICATE, clock })
  visitor.onSignal?.(SIZE)
  const accepting = openSignals(far, { peer: owner, certificate: CERTIFICATE, clock })
  for (const side of [opening, accepting]) {
    const error = await side.then(
      () => undefined,
      (cause: unknown) => cause,
    )
    t.ok(error instanceof TunnelError)
  }
  t.ok(owner.seen.every(what => what.startsWith('close')), 'closing twice is harmless')
  t.match(owner.seen[0], /^close: .*secretKey/)
})

t.test('signals before the hello are passed over', async t => {
  const clock = new ManualClock()
  const [near, far] = ends(t)
  const owner = fakePeer('owner')
  const visitor = fakePeer('visitor')
  const accepting = openSignals(far, { peer: owner, certificate: CERTIFICATE, clock })
  near.write(encodeSignal(SIZE, 0))
  openSignals(near, { peer: visitor, certificate: CERTIFICATE, clock }).catch(() => {})
  await accepting
  t.strictSame(owner.seen, ['hello true'])
})
