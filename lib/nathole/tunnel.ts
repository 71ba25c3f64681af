// What goes through a hole that is open: a session between visitor and owner, on the protocol that
// the visitor's config names.

import { isKcpDatagram } from '../kcp/index.ts'
import { HOLE_CONV, openKcpHole } from '../transport/kcp-hole.ts'
import { acceptQuicHole, dialQuicHole } from '../transport/quic-hole.ts'
import type { Session } from '../transport/transport.ts'
import type { HoleQuic } from './prepared-hole.ts'
import type { OpenHole } from './punched.ts'

export interface TunnelOptions {
  /** Of the exchange. As in frp everything that is not kcp is quic. */
  readonly protocol: string
  readonly quic: HoleQuic
  readonly signal: AbortSignal
}

/**
 * The visitor's end. Owns the hole's socket, which ends with the session or when this rejects:
 * CONNECT_FAILED, TLS_FAILED, TIMED_OUT, ABORTED or UNSUPPORTED.
 */
export function dialTunnel(hole: OpenHole, options: TunnelOptions): Promise<Session> {
  const { socket, remote, others } = hole
  const { protocol, quic, signal } = options
  if (protocol === 'kcp') return openKcpHole(socket, { remote, others, role: 'client', signal })
  return dialQuicHole(socket, { ...quic, remote, signal })
}

/** The owner's end; as `dialTunnel`. */
export function acceptTunnel(hole: OpenHole, options: TunnelOptions): Promise<Session> {
  const { socket, remote, others } = hole
  const { protocol, quic, signal } = options
  if (protocol === 'kcp') return openKcpHole(socket, { remote, others, role: 'server', signal })
  return acceptQuicHole(socket, { ...quic, remote, signal })
}

/** Whether a visitor begins a tunnel with such a datagram: the hole is open then. */
export function isTunnelStart(protocol: string, data: Buffer): boolean {
  return protocol === 'kcp' ? isKcpDatagram(data, HOLE_CONV) : isQuicInitial(data)
}

/** RFC 9000 section 17.2.2. */
function isQuicInitial(data: Buffer): boolean {
  return data.length >= 1_200 && (data.readUInt8(0) & 0xf0) === 0xc0
}
