// What the STUN server of the nat bench answers (RFC 8489, RFC 5780): what it sees of who asks, and
// its other address.

export const STUN_PORT = 3478
export const OTHER_PORT = 3479

const MAGIC = 0x2112a442
const BINDING = 0x0001
const BINDING_SUCCESS = 0x0101
const MAPPED_ADDRESS = 0x0001
const XOR_MAPPED_ADDRESS = 0x0020
const OTHER_ADDRESS = 0x802c
const HEADER_BYTES = 20

/** The answer to a request; undefined for what is none. */
export function answerTo(
  request: Buffer,
  from: { readonly address: string; readonly port: number },
  other: { readonly address: string; readonly port: number },
): Buffer | undefined {
  if (request.length < HEADER_BYTES || request.readUInt16BE(0) !== BINDING) return undefined
  const answer = Buffer.concat([
    request.subarray(0, HEADER_BYTES),
    attribute(MAPPED_ADDRESS, from, 0),
    attribute(XOR_MAPPED_ADDRESS, from, MAGIC),
    attribute(OTHER_ADDRESS, other, 0),
  ])
  answer.writeUInt16BE(BINDING_SUCCESS, 0)
  answer.writeUInt16BE(answer.length - HEADER_BYTES, 2)
  return answer
}

function attribute(
  type: number,
  { address, port }: { readonly address: string; readonly port: number },
  mask: number,
): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16BE(type, 0)
  bytes.writeUInt16BE(8, 2)
  bytes[5] = 1 // IPv4
  bytes.writeUInt16BE(port ^ (mask >>> 16), 6)
  const ip = address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
  bytes.writeUInt32BE((ip ^ mask) >>> 0, 8)
  return bytes
}
