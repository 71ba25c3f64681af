// yamux over KCP through a hole that was opened with frp's exchange, as a real frpc speaks it
// (frp-wire.md section 7.8). Nothing proves anything and nothing is encrypted; what the secret
// protects is inside the streams.

import type { Address } from '../address.ts'
import { systemClock } from '../clock.ts'
import { KcpStream } from '../kcp/index.ts'
import type { UdpSocket } from '../udp/index.ts'
import { MuxedSession } from './mux-session.ts'
import type { Session } from './transport.ts'
import { within } from './within.ts'

export interface KcpHoleOptions {
  /** From which the hole was opened. */
  readonly remote: Address
  /**
   * Where else the peer said that it is. A real one connects its socket to the address under which
   * it found us: where there are several, that is not always the one under which we found it.
   */
  readonly others: readonly Address[]
  /** Visitors are clients, owners are servers. */
  readonly role: 'client' | 'server'
  readonly signal: AbortSignal
}

/** frp's, on both ends of a hole. */
export const HOLE_CONV = 1
const WINDOW_SEGMENTS = 1_024
/** KCP itself never notices that its peer is gone. */
const KEEPALIVE_MS = 10_000

/**
 * Resolves when the peer's KCP has answered. Owns the socket, which ends with the session or when
 * this rejects: TIMED_OUT or ABORTED.
 */
export async function openKcpHole(
  socket: UdpSocket,
  { remote, others, role, signal }: KcpHoleOptions,
): Promise<Session> {
  const stream = new KcpStream({
    socket,
    remotes: [remote, ...others],
    clock: systemClock,
    conv: HOLE_CONV,
    sendWindow: WINDOW_SEGMENTS,
    receiveWindow: WINDOW_SEGMENTS,
  })
  const ends = {
    localAddress: socket.address,
    get remoteAddress() {
      return stream.remote ?? remote
    },
  }
  // Its first ping is what the peer answers.
  const session = new MuxedSession(stream, ends, {
    protocol: 'kcp',
    role,
    keepaliveMs: KEEPALIVE_MS,
    endsByGoAway: true,
  })
  try {
    await within(stream.heard, { signal, late: 'the hole is open, but KCP does not get through' })
    return session
  } catch (error) {
    stream.destroy()
    throw error
  }
}
