// The visitor's end of a peer connection that comes to nothing.

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { UNKNOWN_PROFILE } from '../../nat/index.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import { type PeerNetwork, visitorPeer } from '../../lib/peer/index.ts'
import { quicSupport } from '../../lib/transport/quic.ts'
import { quietNetwork } from './fake-network.ts'

const support = await quicSupport()
const skip = support !== true && support

const nothing = { candidates: [], profile: UNKNOWN_PROFILE }
const network: PeerNetwork = { port: undefined, ...quietNetwork(nothing, false) }

function open(signal: AbortSignal): ReturnType<typeof visitorPeer> {
  return visitorPeer({
    name: 'ann.ssh',
    keys: { toProxy: randomBytes(32), toVisitor: randomBytes(32), proof: randomBytes(16) },
    network,
    clock: systemClock,
    log: silentLogger,
    mayRelay: true,
    onChange: () => {},
    signal,
  })
}

t.test('one that is closed does not go on dialing', { skip }, async t => {
  const never = new AbortController().signal
  const { peer, connect } = open(never)
  const connecting = connect()
  peer.close('the owner has another prekey')
  await t.rejects(connecting, { code: 'ABORTED' })
  const over = open(never)
  over.peer.close('there is no way')
  await t.rejects(over.connect(), { code: 'ABORTED' })
})

t.test('the end of its visitor ends the dialing, and it', { skip }, async t => {
  const closing = new AbortController()
  const { peer, connect } = open(closing.signal)
  const connecting = connect()
  closing.abort()
  await t.rejects(connecting, { code: 'ABORTED' })
  t.ok(peer.isOver)
})
