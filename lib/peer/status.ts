// A peer connection in words and figures, for `frpc peers`, logs and events.

import type { Address } from '../address.ts'
import type { PeerRole, RouteKind } from '../../nat/index.ts'

export interface PeerStatus {
  /** Of the proxy, with the user prefix. */
  readonly proxy: string
  readonly role: PeerRole
  /** `connecting`: the first handshake is under way. */
  readonly phase: 'connecting' | 'connected' | 'closed'
  readonly path: 'relay' | 'direct' | 'lan'
  readonly kind: RouteKind
  /** The other end of the path: the peer's address, or `frps`. */
  readonly address: string
  /** The same; undefined on the relay. */
  readonly remote: Address | undefined
  /** How a direct path was opened. */
  readonly technique: string | undefined
  /** Why this path: on the relay, why not a direct one. */
  readonly reason: string
  readonly rttMs: number | undefined
  /** 0..1 */
  readonly loss: number | undefined
  readonly timeToDirectMs: number | undefined
  readonly switches: number
  /** How long ago the path was chosen. */
  readonly sinceMs: number
  readonly streams: number
}
