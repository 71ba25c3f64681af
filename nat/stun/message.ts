// What of STUN (RFC 8489, RFC 5780) is spoken here: the Binding method and the attributes that tell
// addresses. Other attributes are read over.

import type { Address } from '../../lib/address.ts'

export type StunKind = 'request' | 'indication' | 'success' | 'error'

/** A Binding message. Absent: the attribute is not there. */
export interface StunMessage {
  readonly kind: StunKind
  /** 12 bytes. */
  readonly transactionId: Uint8Array
  /** XOR-MAPPED-ADDRESS; of an old server MAPPED-ADDRESS. */
  readonly mapped?: Address
  /** OTHER-ADDRESS; of an old server CHANGED-ADDRESS. */
  readonly other?: Address
  /** RESPONSE-ORIGIN. */
  readonly origin?: Address
  /** CHANGE-REQUEST: from where the answer shall come. */
  readonly change?: StunChange
  /** ERROR-CODE, 300 to 699. */
  readonly errorCode?: number
  /** UNKNOWN-ATTRIBUTES of an error. */
  readonly unknown?: readonly number[]
  /** Of attributes that are not in this list, the types that must be understood (below 0x8000). */
  readonly required?: readonly number[]
  /** Bytes of PADDING, so that an answer is not longer than its request. */
  readonly padding?: number
}

export interface StunChange {
  readonly ip: boolean
  readonly port: boolean
}

export const STUN_HEADER_BYTES = 20
export const STUN_COOKIE = 0x2112a442
export const TRANSACTION_ID_BYTES = 12
/** A STUN message over IPv4 shall fit into 548 bytes (RFC 8489 §6.1); PADDING may need more. */
export const MAX_STUN_BYTES = 1500

/** True where the first bytes are those of STUN and not of QUIC (RFC 9443 §2). */
export function isStun(data: Uint8Array): boolean {
  if (data.length < STUN_HEADER_BYTES || (data[0] ?? 0xff) > 3) return false
  return data[4] === 0x21 && data[5] === 0x12 && data[6] === 0xa4 && data[7] === 0x42
}
