// The narrow seam between the tunnel and the ways to the other side. Every transport fills in these
// interfaces and passes the suite in test/compliance; everything above knows only this file.

import type { Duplex } from 'node:stream'
import type { Address } from '../address.ts'
import type { Logger } from '../log.ts'

/**
 * What carries a session. `memory` exists so that everything above can be tested without a network.
 */
export type Protocol = 'quic' | 'tcp' | 'kcp' | 'memory'

/**
 * Which streams go first where a link is full: `auto` finds out by what is written (small and
 * answered writes before bulk); the others force it.
 */
export type StreamPriority = 'auto' | 'interactive' | 'bulk'

/**
 * One ordered, reliable, bidirectional byte flow. A Duplex with `allowHalfOpen: true` and
 * `autoDestroy: true`: `end()` sends FIN and leaves the other direction open; `destroy()` aborts
 * both directions (the peer sees an error STREAM_RESET or an end, never silence); 'close' comes
 * once both directions are over. A slow reader stops the sender: a stream buffers at most its
 * flow-control window.
 */
export interface Stream extends Duplex {
  /** Of what is written from now on. Absent where streams do not share a link. Default: auto. */
  setPriority?(priority: StreamPriority): void
  /** So far; absent where the transport does not count. */
  readonly bytesRead?: number
  readonly bytesWritten?: number
}

/**
 * Why a session is over. `remote`: the peer closed it; `local`: we did; `lost`: silence, reset or a
 * broken protocol.
 */
export interface CloseReason {
  readonly by: 'local' | 'remote' | 'lost'
  readonly detail: string
}

export interface SessionStats {
  /**
   * Smoothed round-trip time; undefined before the first sample or where the transport has none.
   */
  readonly rttMs?: number
  /** Largest datagram this path carries, bytes of UDP payload (quic only). */
  readonly datagramBytes?: number
}

/**
 * Unreliable messages of a session: each arrives whole, once and unchanged, or not at all, and in
 * no order (RFC 9221 in quic).
 */
export interface DatagramChannel {
  /** Largest payload, bytes; does not grow while the session lives. */
  readonly maxBytes: number
  /**
   * True on a path without a network's queue (this machine, its LAN): what waits there waits for
   * processors. Undefined where it is not known.
   */
  readonly isNear?: boolean
  /**
   * Hands `payload` over to be sent at once; it may be used again after the call. False when it was
   * not taken: too large, the session is over, or the link is full; then `onWritable` follows.
   */
  send(payload: Uint8Array): boolean
  /** `payload` is lent for the duration of the call. One handler; what came before it is lost. */
  onDatagram(handler: (payload: Buffer) => void): void
  /** Called when there is room again after a refused `send`. One handler. */
  onWritable(handler: () => void): void
}

/** One connection between a client and a server, carrying many streams. */
export interface Session {
  readonly protocol: Protocol
  readonly localAddress: Address
  /** Changes when a QUIC client's NAT rebinds. */
  readonly remoteAddress: Address
  /**
   * False where only the other side can open streams (the server's end of a link without
   * multiplexing).
   */
  readonly canOpen: boolean
  /** Undefined where this transport, or the other side, has none. */
  readonly datagrams?: DatagramChannel
  /**
   * Opens a stream; the peer learns of it with the first bytes written.
   * Rejects with SESSION_CLOSED, LIMIT_EXCEEDED, or (links without multiplexing) CONNECT_FAILED.
   */
  openStream(): Promise<Stream>
  /**
   * Hands over each stream that the peer opens. Streams that came before the call are handed over
   * at once.
   */
  onStream(handler: (stream: Stream) => void): void
  stats(): SessionStats
  /**
   * Whether a packet of the other side comes within `ms`, for which it is asked. Absent where the
   * transport learns by itself that the other side is gone. Never rejects.
   */
  answers?(ms: number): Promise<boolean>
  /**
   * Closes the session and all its streams. Safe to call twice; resolves when the peer has been
   * told.
   */
  close(detail?: string): Promise<void>
  /** Never rejects. */
  readonly closed: Promise<CloseReason>
}

/** A client's way to one server. */
export interface Dialer {
  readonly protocol: Protocol
  /** Rejects with CONNECT_FAILED, TLS_FAILED, TIMED_OUT or ABORTED. */
  dial(options?: { signal?: AbortSignal }): Promise<Session>
  close(): Promise<void>
}

/** A server's open port. */
export interface Listener {
  readonly protocol: Protocol
  readonly address: Address
  close(): Promise<void>
}

export interface ListenerEvents {
  /**
   * A session is ready for streams. It has not logged in: its owner must bound what it may do until
   * then.
   */
  onSession(session: Session): void
  /**
   * Of a UDP transport: a datagram, or several glued together, that is none of its own. `data` is
   * lent for the call; `reply` sends one datagram back.
   */
  onForeign?(data: Buffer, from: Address, reply: (answer: Buffer) => void): void
  log: Logger
}
