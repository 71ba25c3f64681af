// The first bytes of each stream of a peer connection, by who opened it, the visitor: what it is.
//
//   kind(1) flags(1)

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'
import { readExactly } from '../stream/read-exactly.ts'
import type { Session, Stream } from '../transport/transport.ts'

/**
 * `signals`: the first; `bytes`: one user; `packets`: the link of all users of a udp service;
 * `rehearsal`: see stream/rehearsal.ts.
 */
export type StreamKind = 'signals' | 'bytes' | 'packets' | 'rehearsal'

export interface StreamHead {
  readonly kind: StreamKind
  /** snappy, as between frpc and frps. */
  readonly compression: boolean
}

const KINDS: readonly StreamKind[] = ['signals', 'bytes', 'packets', 'rehearsal']
const HEAD_BYTES = 2
const COMPRESSED = 1

/** Rejects as `openStream`. */
export async function openStreamOf(
  session: Pick<Session, 'openStream'>,
  { kind, compression }: StreamHead,
): Promise<Stream> {
  const stream = await session.openStream()
  stream.write(Buffer.from([KINDS.indexOf(kind), compression ? COMPRESSED : 0]))
  return stream
}

/** Rejects with PROTOCOL_ERROR, SESSION_CLOSED or TIMED_OUT. */
export async function readHead(stream: Duplex, clock: Clock): Promise<StreamHead> {
  const bytes = await readExactly(stream, HEAD_BYTES, clock)
  const kind = KINDS[bytes[0] ?? KINDS.length]
  if (kind === undefined) throw new TunnelError('PROTOCOL_ERROR', 'an unknown kind of stream')
  return { kind, compression: ((bytes[1] ?? 0) & COMPRESSED) !== 0 }
}
