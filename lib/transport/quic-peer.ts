// QUIC between two clients over one socket that belongs to just the two of them; what carries its
// packets, and where to, is the socket's business (lib/peer). Visitors dial, owners accept.

import type { Address } from '../address.ts'
import { TunnelError } from '../errors.ts'
import { loadQuiche, type QuicConnection, QuicEndpoint, type TlsOptions } from '../quic/index.ts'
import type { UdpSocket } from '../udp/index.ts'
import { QuicSession } from './quic-session.ts'
import { within } from './within.ts'

/** Fits every path and, with what sealing adds, one QUIC datagram of most sessions with frps. */
export const RELAY_DATAGRAM_BYTES = 1200
/** Largest packet of a direct path; lib/peer finds out what fits. */
export const DIRECT_DATAGRAM_BYTES = 1452

/**
 * A minute without frps is no reason to give a stream up: its relay may come back (frp issue 5087).
 */
const IDLE_TIMEOUT_MS = 90_000
/** Paths are kept alive by probes (nat/path); this is for the relay, whose mappings are frps's. */
const KEEPALIVE_MS = 40_000
const MAX_STREAMS = 1024

/** A session whose way below can change. */
export class PeerSession extends QuicSession {
  readonly #peer: QuicConnection
  readonly #endpoint: QuicEndpoint

  constructor(connection: QuicConnection, local: Address, endpoint: QuicEndpoint) {
    super(connection, local, endpoint)
    this.#peer = connection
    this.#endpoint = endpoint
  }

  /**
   * The packets take another way from now on, which carries datagrams of so many bytes. Near: what
   * is slow there is the programs, not the way.
   */
  handleRoute(facts: { readonly datagramBytes: number; readonly isNear: boolean }): void {
    this.#peer.handleRoute(facts)
  }

  /**
   * The way may be another one, or alive again: asks the peer to acknowledge something, now. After
   * an outage quiche's own probe is due only in as much time again as the outage has lasted.
   */
  nudge(): void {
    this.#peer.native.sendAckEliciting()
    this.#peer.wake()
  }

  /** The way carries larger datagrams than was known. */
  resize(datagramBytes: number): void {
    this.#peer.resize(datagramBytes)
  }

  /**
   * Asks how large datagrams pass on the way of the moment, and uses that. Of use at the visitor:
   * the owner is told what came of it. Undefined when nothing came back.
   */
  async measure(): Promise<number | undefined> {
    const bytes = await this.#endpoint.measure(this.remoteAddress, DIRECT_DATAGRAM_BYTES)
    if (bytes !== undefined) this.resize(bytes)
    return bytes
  }

  /** Whether a datagram, by its first bytes, may be of this connection. */
  knows(data: Buffer): boolean {
    return this.#endpoint.knows(data)
  }

  /** Packets of the peer that decrypted and were new. */
  get packetsReceived(): number {
    return this.#peer.packetsReceived
  }

  /** Something was sent that the peer has not acknowledged. */
  get isAwaitingAnswer(): boolean {
    return this.#peer.bytesInFlight > 0
  }

  /** Sums since the beginning, bytes; rate in bytes per second. */
  get delivery():
    | { readonly rate: number; readonly sentBytes: number; readonly lostBytes: number }
    | undefined {
    const stats = this.#peer.pathStats
    if (stats === undefined) return undefined
    const { deliveryRate: rate, sentBytes, lostBytes } = stats
    return { rate, sentBytes, lostBytes }
  }

  /** DER of the other side's certificate; undefined where it showed none. */
  get peerCertificate(): Uint8Array | undefined {
    return this.#peer.peerCertificate
  }
}

export interface PeerOptions {
  /** Of the peer, whatever it means to the socket. */
  readonly remote: Address
  readonly signal: AbortSignal
}

/**
 * The visitor's end. The socket is closed with the session, or when this rejects: CONNECT_FAILED,
 * TIMED_OUT, ABORTED or UNSUPPORTED.
 */
export async function dialPeer(
  socket: UdpSocket,
  { remote, signal }: PeerOptions,
): Promise<PeerSession> {
  const endpoint = await openEndpoint(socket, {})
  const connection = endpoint.connect(remote, {
    datagramBytes: DIRECT_DATAGRAM_BYTES,
    isNear: false,
    serverName: 'peer',
  })
  const late = 'the other side does not answer over the relay'
  try {
    await within(connection.ready, { signal, late })
    return new PeerSession(connection, socket.address, endpoint)
  } catch (error) {
    await endpoint.close('giving up')
    throw error
  }
}

export interface AcceptOptions extends PeerOptions {
  readonly tls: TlsOptions
  /** Keys stateless resets: a visitor knows by them that its peer has restarted. */
  readonly resetSecret: Uint8Array
}

/** The owner's end: takes one connection. Rejects as dialPeer. */
export async function acceptPeer(
  socket: UdpSocket,
  { tls, resetSecret, signal }: AcceptOptions,
): Promise<PeerSession> {
  let take = (_session: PeerSession): void => {}
  const first = new Promise<PeerSession>(resolve => (take = resolve))
  let isTaken = false
  const endpoint: QuicEndpoint = await openEndpoint(socket, {
    ...tls,
    resetSecret,
    onConnection: connection => {
      if (isTaken) connection.close(0, 'there is a connection already')
      // At once: its first stream may be in the same datagram.
      else take(new PeerSession(connection, socket.address, endpoint))
      isTaken = true
    },
  })
  const late = 'the peer did not begin its connection'
  return within(first, { signal, late }).catch(async (error: unknown) => {
    await endpoint.close('giving up')
    throw error
  })
}

type Extras = TlsOptions & Pick<ConstructorParameters<typeof QuicEndpoint>[2], 'onConnection'> & {
  readonly resetSecret?: Uint8Array
}

async function openEndpoint(socket: UdpSocket, extras: Extras): Promise<QuicEndpoint> {
  try {
    const quiche = await loadQuiche()
    return new QuicEndpoint(quiche, socket, {
      ...extras,
      keepaliveMs: KEEPALIVE_MS,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      livenessMs: KEEPALIVE_MS,
      maxStreams: MAX_STREAMS,
      datagramBytes: DIRECT_DATAGRAM_BYTES,
      startDatagramBytes: RELAY_DATAGRAM_BYTES,
    })
  } catch (error) {
    await socket.close()
    throw new TunnelError('UNSUPPORTED', 'QUIC is not available on this platform', { cause: error })
  }
}
