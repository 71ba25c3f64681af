// QUIC through a hole that was opened with frp's exchange: plain QUIC between two addresses, as a
// real frpc speaks it (frp-wire.md section 7.7). Visitors dial, owners accept. frp's certificates
// prove nothing; what the secret protects is inside the streams.

import { formatAddress, type Address } from '../address.ts'
import { TunnelError } from '../errors.ts'
import { loadQuiche, type QuicConnection, QuicEndpoint, type TlsOptions } from '../quic/index.ts'
import type { UdpSocket } from '../udp/index.ts'
import { type KeyPair, selfSignedCertificate } from './certificate.ts'
import { QuicSession } from './quic-session.ts'
import type { Session } from './transport.ts'
import { within } from './within.ts'

export interface QuicHoleOptions {
  readonly remote: Address
  readonly keepaliveMs: number
  readonly idleTimeoutMs: number
  readonly maxStreams: number
  readonly signal: AbortSignal
}

/** Real peers do not answer questions about the path; this fits every one. */
const DATAGRAM_BYTES = 1252

/**
 * The visitor's end. Owns the socket, which ends with the session or when this rejects:
 * CONNECT_FAILED, TLS_FAILED, TIMED_OUT, ABORTED or UNSUPPORTED.
 */
export async function dialQuicHole(socket: UdpSocket, options: QuicHoleOptions): Promise<Session> {
  const endpoint = await openEndpoint(socket, options, {})
  const connection = endpoint.connect(options.remote, {
    datagramBytes: DATAGRAM_BYTES,
    isNear: false,
    // What a real visitor sends, though it is no name.
    serverName: formatAddress(options.remote),
  })
  const session = connection.ready.then(() => sessionOf(connection, endpoint))
  return settled(session, endpoint, options)
}

/**
 * It proves nothing to anybody, so one does for all holes of the process; frp makes one for each.
 */
let certificate: Promise<KeyPair> | undefined

/** Makes what `acceptQuicHole` needs, which takes 20 to 120 ms, while a hole is being opened. */
export function prepareToAccept(): Promise<KeyPair> {
  certificate ??= selfSignedCertificate()
  return certificate
}

/** The owner's end: one connection, from the address that the hole was opened with. */
export async function acceptQuicHole(
  socket: UdpSocket,
  options: QuicHoleOptions,
): Promise<Session> {
  let take = (_session: Session): void => {}
  const first = new Promise<Session>(resolve => (take = resolve))
  let isTaken = false
  const endpoint: QuicEndpoint = await openEndpoint(socket, options, {
    ...(await prepareToAccept()),
    onConnection: connection => {
      // Whoever else finds the port is not the one who proved to know the secret.
      if (isTaken || connection.remote.ip !== options.remote.ip) {
        connection.close(0, 'not for you')
        return
      }
      isTaken = true
      // At once: streams may have come with the end of the handshake.
      take(sessionOf(connection, endpoint))
    },
  })
  return settled(first, endpoint, options)
}

function sessionOf(connection: QuicConnection, endpoint: QuicEndpoint): Session {
  return new QuicSession(connection, endpoint.socket.address, endpoint)
}

async function openEndpoint(
  socket: UdpSocket,
  { keepaliveMs, idleTimeoutMs, maxStreams }: QuicHoleOptions,
  extras: TlsOptions & { readonly onConnection?: (connection: QuicConnection) => void },
): Promise<QuicEndpoint> {
  try {
    return new QuicEndpoint(await loadQuiche(), socket, {
      ...extras,
      keepaliveMs,
      idleTimeoutMs,
      livenessMs: keepaliveMs,
      maxStreams,
      datagramBytes: DATAGRAM_BYTES,
    })
  } catch (error) {
    await socket.close()
    throw new TunnelError('UNSUPPORTED', 'QUIC is not available on this platform', { cause: error })
  }
}

async function settled(
  session: Promise<Session>,
  endpoint: QuicEndpoint,
  { signal }: QuicHoleOptions,
): Promise<Session> {
  try {
    const late = 'the hole is open, but QUIC does not get through'
    return await within(session, { signal, late })
  } catch (error) {
    await endpoint.close('giving up')
    throw error
  }
}
