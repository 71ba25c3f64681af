// A UDP socket that talks to one address only, as each player's to the local service. There can be
// thousands: where koffi loads they share one poller, one set of slots and one batch, and cost a
// descriptor and a few hundred bytes each; elsewhere they are sockets of node:dgram.

import type { Address } from '../address.ts'
import { BatchConnectedSocket } from './connected-batch.ts'
import { DgramConnectedSocket } from './connected-dgram.ts'
import { type Libc, loadLibc } from './libc.ts'
import { sharedPoller } from './poller.ts'

export interface ConnectedHandler {
  /** `payload` is lent for the duration of the call. */
  onPacket(payload: Buffer): void
  /** ICMP has refused a packet, or the socket could not be made. It stays usable if it was. */
  onError(error: Error): void
}

export interface ConnectedOptions {
  /** An IP address and a port. */
  readonly to: Address
  /** The socket's own IP address; undefined leaves it to the system. */
  readonly source?: string | undefined
}

export interface ConnectedSocket {
  /** Best effort. The payload may be used again after the call. */
  send(payload: Buffer): void
  /** Safe to call twice. */
  close(): void
}

/** Sockets that may be opened from now on will be cheap: the first ones find all ready. */
export function prepareConnectedSockets(): void {
  const libc = loadLibc()
  if (libc) sharedPoller(libc)
}

/** Throws the system's error where there are no more descriptors (EMFILE). */
export function openConnectedSocket(
  options: ConnectedOptions,
  handler: ConnectedHandler,
): ConnectedSocket {
  const libc = usableLibc()
  return libc
    ? new BatchConnectedSocket(options, handler, libc)
    : new DgramConnectedSocket(options, handler)
}

function usableLibc(): Libc | undefined {
  const libc = loadLibc()
  return libc !== undefined && sharedPoller(libc).isProven ? libc : undefined
}
