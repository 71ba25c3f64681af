// Retry tokens and stateless-reset tokens (RFC 9000 sections 8.1.2 and 10.3). Both are keyed
// hashes, so that the server remembers nothing about strangers.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Address } from '../address.ts'

/**
 * A client answers a Retry within its first flights; longer-lived tokens could be collected and
 * replayed.
 */
const TOKEN_LIFE_MS = 10_000
const MAC_BYTES = 16
const HEADER_BYTES = 9

/**
 * Makes and checks Retry tokens bound to the client's address and first connection id.
 * Layout: time(8, ms) length(1) odcid mac(16).
 */
export class RetryTokens {
  readonly #key = randomBytes(32)

  seal(address: Address, odcid: Uint8Array, nowMs: number): Buffer {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeBigUInt64BE(BigInt(Math.floor(nowMs)))
    header.writeUInt8(odcid.length, 8)
    const body = Buffer.concat([header, odcid])
    return Buffer.concat([body, this.#mac(body, address)])
  }

  /**
   * The original destination connection id, or undefined for a token that is foreign, old or of
   * another address.
   */
  open(token: Uint8Array, address: Address, nowMs: number): Buffer | undefined {
    const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength)
    if (bytes.length < HEADER_BYTES + MAC_BYTES || bytes.length > HEADER_BYTES + 20 + MAC_BYTES) {
      return undefined
    }
    const body = bytes.subarray(0, -MAC_BYTES)
    const mac = bytes.subarray(-MAC_BYTES)
    if (!timingSafeEqual(mac, this.#mac(body, address))) return undefined
    const ageMs = nowMs - Number(body.readBigUInt64BE())
    if (ageMs < 0 || ageMs > TOKEN_LIFE_MS) return undefined
    const odcid = body.subarray(HEADER_BYTES)
    return odcid.length === body.readUInt8(8) ? Buffer.from(odcid) : undefined
  }

  #mac(body: Uint8Array, { ip, port }: Address): Buffer {
    const hash = createHmac('sha256', this.#key).update(body).update(`${ip} ${port}`)
    return hash.digest().subarray(0, MAC_BYTES)
  }
}

/**
 * The stateless-reset token of a connection id. `secret` outlives the process (it comes from the
 * configuration), so that a frps that was restarted can tell a client at once that its connection
 * is gone.
 */
export function resetToken(secret: Uint8Array, cid: Uint8Array): Buffer {
  return createHmac('sha256', secret).update('stateless reset').update(cid).digest().subarray(0, 16)
}
