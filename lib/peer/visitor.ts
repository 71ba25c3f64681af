// The visitor's end of a peer connection, from the relay to the session.

import { errorDetail, TunnelError } from '../errors.ts'
import { dialPeer, type PeerSession } from '../transport/quic-peer.ts'
import { Peer, type PeerOptions } from './peer.ts'
import { PEER } from './peer-socket.ts'
import { openSignals } from './signal-stream.ts'
import { openStreamOf } from './stream-kinds.ts'

export interface VisitorPeerOptions extends Omit<PeerOptions, 'role'> {
  readonly signal: AbortSignal
}

export interface VisitorPeer {
  readonly peer: Peer
  /** Gives `peer` its relay; dials once that is there. */
  connect(): Promise<PeerSession>
}

/** A peer without a relay yet. */
export function visitorPeer(options: VisitorPeerOptions): VisitorPeer {
  const peer = new Peer({ ...options, role: 'visitor' })
  return {
    peer,
    async connect() {
      const dialing = new AbortController()
      const giveUp = (): void => dialing.abort()
      options.signal.addEventListener('abort', giveUp)
      void peer.closed.then(giveUp)
      try {
        if (options.signal.aborted || peer.isOver) giveUp()
        const session = await dialPeer(peer.socket, { remote: PEER, signal: dialing.signal })
        await begin(peer, session, options)
        return session
      } catch (error) {
        peer.close('the connection failed')
        throw error
      } finally {
        options.signal.removeEventListener('abort', giveUp)
      }
    },
  }
}

async function begin(
  peer: Peer,
  session: PeerSession,
  { clock, log }: VisitorPeerOptions,
): Promise<void> {
  const certificate = session.peerCertificate
  if (certificate === undefined) throw new TunnelError('AUTH_FAILED', 'the peer has no certificate')
  const stream = await openStreamOf(session, { kind: 'signals', compression: false })
  stream.setPriority?.('interactive')
  peer.attachSession(session)
  // Users need not wait for it: the handshake went through a relay that only the owner can read.
  openSignals(stream, { peer, certificate, clock }).catch((error: unknown) => {
    if (!peer.isOver) log.warn(`peer connection: ${errorDetail(error)}`)
  })
}
