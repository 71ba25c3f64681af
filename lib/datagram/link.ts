// Makes the flow link of one stream between two of ours. The side that opened the stream says how
// the packets travel: as datagrams of the session where both have them, else as frames of the stream.
// Both say how long they keep silent flows and how much redundancy they want.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { TokenBucket } from '../stream/limit.ts'
import type { Session } from '../transport/transport.ts'
import type { FlowLink, Redundancy } from './flow.ts'

export interface FlowLinkOptions {
  /** After its first messages, with its layers. Owned from the call on. */
  readonly stream: Duplex
  /**
   * Given where both sides have named the feature `datagrams`; then the packets do not pass the
   * stream, which only says when the link ends.
   */
  readonly session?: Session | undefined
  readonly clock: Clock
  /** Undefined leaves it to the other side; 0 when that says nothing either. */
  readonly redundancy?: Redundancy | undefined
  /** How long this side keeps a silent flow; undefined where it does not decide. */
  readonly idleMs?: number | undefined
  /**
   * For packets that travel as datagrams: what is beyond the limit is dropped. The others are held
   * back by the layers of the stream.
   */
  readonly bucket?: TokenBucket | undefined
}

/**
 * The end that opened the stream. Resolves when the other end has answered. Rejects with
 * PROTOCOL_ERROR, SESSION_CLOSED or TIMED_OUT.
 */
export function openFlowLink(options: FlowLinkOptions): Promise<FlowLink> {
  throw new Error(String(options))
}

/** The other end. Rejects as openFlowLink. */
export function acceptFlowLink(options: FlowLinkOptions): Promise<FlowLink> {
  throw new Error(String(options))
}
