// The first bytes of each stream of a peer connection, by who opened it, the visitor: what it is.
//
//   kind(1) flags(1)

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'
import { readExactly } from '../stream/read-exactly.ts'

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

export function encodeHead({ kind, compression }: StreamHead): Buffer {
  return Buffer.from([KINDS.indexOf(kind), compression ? COMPRESSED : 0])
}

/** Rejects with PROTOCOL_ERROR, SESSION_CLOSED or TIMED_OUT. */
export async function readHead(stream: Duplex, clock: Clock): Promise<StreamHead> {
  const bytes = await readExactly(stream, HEAD_BYTES, clock)
  const kind = KINDS[bytes[0] ?? KINDS.length]
  if (kind === undefined) throw new TunnelError('PROTOCOL_ERROR', 'an unknown kind of stream')
  return { kind, compression: ((bytes[1] ?? 0) & COMPRESSED) !== 0 }
}
