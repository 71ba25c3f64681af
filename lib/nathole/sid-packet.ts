// The datagrams with which two peers of frp find each other: one NatHoleSid, framed as in wire v1,
// under the stream cipher with the key of secretKey and an IV of its own (frp-wire.md section 7.6).
// There is no MAC: a changed datagram is noticed only where it is no message with our session id
// any more. Sans-IO.

import { TunnelError } from '../errors.ts'
import { CfbDecryptor, CfbEncryptor, IV_BYTES } from '../wire/cipher.ts'
import { decodeBody, encodeMessage, HEADER_BYTES, typeOfByte } from '../wire/codec.ts'

/** What such a datagram says. */
export interface SidPacket {
  readonly sid: string
  readonly transactionId: string
  readonly isResponse: boolean
}

/** Longer ones are not decrypted: frp's have about 150 bytes. */
const MAX_PACKET_BYTES = 1_024
/** frp hides the length with up to 19 zeros; more would only cost. */
const MAX_NONCE = 19

/** `random` gives 0..1; `iv` IV_BYTES bytes, new for each packet. */
export function encodeSidPacket(
  { sid, transactionId, isResponse }: SidPacket,
  { key, iv, random }: { readonly key: Buffer; readonly iv: Buffer; readonly random: () => number },
): Buffer {
  const frame = encodeMessage({
    type: 'NatHoleSid',
    transaction_id: transactionId,
    sid,
    response: isResponse,
    nonce: '0'.repeat(Math.floor(random() * (MAX_NONCE + 1))),
  })
  return new CfbEncryptor(key, () => iv).update(frame)
}

/** Undefined for anything that is not one of this key. Never throws. */
export function decodeSidPacket(data: Buffer, key: Buffer): SidPacket | undefined {
  if (data.length < IV_BYTES + HEADER_BYTES + 2 || data.length > MAX_PACKET_BYTES) return undefined
  const frame = new CfbDecryptor(key).update(data)
  const length = frame.length - HEADER_BYTES
  const first = frame.readUInt8(0)
  if (typeOfByte(first) !== 'NatHoleSid' || frame.readUInt32BE(1) !== 0) return undefined
  if (frame.readUInt32BE(5) !== length) return undefined
  try {
    const message = decodeBody(first, frame.subarray(HEADER_BYTES))
    if (message.type !== 'NatHoleSid') return undefined
    const { sid, transaction_id: transactionId, response: isResponse } = message
    return { sid, transactionId, isResponse }
  } catch (error) {
    // Whoever does not know the key sends something else.
    if (error instanceof TunnelError) return undefined
    throw error
  }
}
