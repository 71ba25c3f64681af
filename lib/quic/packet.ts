// What can be read of a datagram without keys (RFC 9000 section 17, RFC 9443): whose it is, and
// where one packet ends and the next begins when the kernel glued several together. Pure.

/**
 * Every connection id of ours has this length; the server's ids must be as long as the clients' to
 * share a socket.
 */
export const CID_BYTES = 12

/** Smallest datagram that may carry a client's Initial packet (RFC 9000 section 14.1). */
export const MIN_INITIAL_BYTES = 1200

/**
 * RFC 9443: QUIC has one of the two high bits set; what has none belongs to other protocols on this
 * socket.
 */
export function isQuic(firstByte: number): boolean {
  return (firstByte & 0xc0) !== 0
}

export function isLongHeader(firstByte: number): boolean {
  return (firstByte & 0x80) !== 0
}

/**
 * The destination connection id as a map key, or undefined where the datagram is too short to have
 * one.
 * Latin-1 text of the bytes: the cheapest key there is.
 */
export function destinationKey(datagram: Buffer): string | undefined {
  if (datagram.length < 1 + CID_BYTES) return undefined
  if (!isLongHeader(datagram.readUInt8(0))) return datagram.toString('latin1', 1, 1 + CID_BYTES)
  if (datagram.length < 7) return undefined
  const length = datagram.readUInt8(5)
  if (length > 20 || datagram.length < 6 + length) return undefined
  return datagram.toString('latin1', 6, 6 + length)
}

/** The map key of a connection id. */
export function cidKey(cid: Uint8Array): string {
  return Buffer.from(cid.buffer, cid.byteOffset, cid.byteLength).toString('latin1')
}

const PACKET_TYPE_BITS = 0x30
const INITIAL = 0x00
const RETRY = 0x30

/**
 * Bytes of the first of the datagrams in `data` when the kernel did not say (UDP GRO read without
 * its control message); those behind a short header are as long, but for the last. All of one flow
 * name the same connection id at the same place, so the second occurrence tells. What shares a
 * datagram with an Initial is not the next one: with it the first is MIN_INITIAL_BYTES long, or
 * longer. Another long header says its own length, where a cut does no harm. A wrong guess can only
 * come from a sender that repeats our id inside a packet, and costs it that packet.
 */
export function segmentBytes(data: Buffer): number {
  if (data.length < 2 * (1 + CID_BYTES)) return data.length
  const first = data.readUInt8(0)
  if (!isLongHeader(first)) return nextPacketAt(data, 1 + CID_BYTES, 1 + CID_BYTES)
  if ((first & PACKET_TYPE_BITS) === INITIAL) {
    return nextPacketAt(data, 6 + data.readUInt8(5), MIN_INITIAL_BYTES)
  }
  const size = firstPacketBytes(data)
  // Padding belongs to what is before it.
  return size < data.length && isQuic(data.readUInt8(size)) ? size : data.length
}

/** Where, at `from` or later, a packet begins as `data` does up to `idEnd`; or the end of it all. */
function nextPacketAt(data: Buffer, idEnd: number, from: number): number {
  if (idEnd > data.length || from >= data.length) return data.length
  const first = data.readUInt8(0)
  const again = data.indexOf(data.subarray(1, idEnd), from + 1)
  if (again < 0) return data.length
  const size = again - 1
  const byte = data.readUInt8(size)
  return isQuic(byte) && isLongHeader(byte) === isLongHeader(first) ? size : data.length
}

/**
 * Bytes of the first of the packets that a datagram holds (RFC 9000 sections 12.2 and 17.2): all of
 * them where it is the last one, or where its length cannot be read.
 */
export function firstPacketBytes(datagram: Buffer): number {
  const all = datagram.length
  const first = datagram[0] ?? 0
  const type = first & PACKET_TYPE_BITS
  if (!isLongHeader(first) || type === RETRY) return all
  let at = 5
  // Destination and source connection id.
  for (let index = 0; index < 2; index++) at += 1 + (datagram[at] ?? all)
  if (type === INITIAL) {
    const token = readVarint(datagram, at)
    if (!token) return all
    at = token.end + token.value
  }
  const rest = readVarint(datagram, at)
  return rest ? Math.min(all, rest.end + rest.value) : all
}

/** RFC 9000 section 16; undefined where it is cut off. */
function readVarint(data: Buffer, at: number): { value: number; end: number } | undefined {
  const first = data[at]
  if (first === undefined) return undefined
  const end = at + (1 << (first >> 6))
  if (end > data.length) return undefined
  let value = first & 0x3f
  for (let index = at + 1; index < end; index++) value = value * 256 + data.readUInt8(index)
  return { value, end }
}

/** What a client of ours has learnt about the path before the handshake. */
export interface PathFacts {
  /** The largest UDP payload seen to pass in both directions. */
  readonly datagramBytes: number
  /** See config.ts. */
  readonly isNear: boolean
}

// Client connection ids of ours tell the server these facts, because the binding cannot change size
// and congestion control later and has no private transport parameter: magic(2) size(2) flags(1)
// random(7).
const FACTS_MAGIC = 0x5146
const FLAG_NEAR = 1

/** Stamps `facts` into a random client connection id of 12 bytes. */
export function stampFacts(cid: Buffer, { datagramBytes, isNear }: PathFacts): Buffer {
  cid.writeUInt16BE(FACTS_MAGIC, 0)
  cid.writeUInt16BE(datagramBytes, 2)
  cid.writeUInt8(isNear ? FLAG_NEAR : 0, 4)
  return cid
}

/** What a client of ours stamped, or undefined for any other client. */
export function stampedFacts(cid: Uint8Array): PathFacts | undefined {
  if (cid.length !== CID_BYTES) return undefined
  const bytes = Buffer.from(cid.buffer, cid.byteOffset, cid.byteLength)
  if (bytes.readUInt16BE(0) !== FACTS_MAGIC) return undefined
  const datagramBytes = bytes.readUInt16BE(2)
  if (datagramBytes < MIN_INITIAL_BYTES || datagramBytes > 65_507) return undefined
  return { datagramBytes, isNear: (bytes.readUInt8(4) & FLAG_NEAR) !== 0 }
}
