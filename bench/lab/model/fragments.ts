// IPv4 fragments (RFC 791): how a router cuts a packet that is too long, and how a NAT knows where
// the pieces without ports belong. Sans-IO.

import { fold, read16, sumWords, write16 } from './checksum.ts'
import { Packet } from './packet.ts'

const MORE_FRAGMENTS = 0x2000
const OFFSET = 0x1fff
/** Datagrams whose first piece is remembered. */
const REMEMBERED = 256

/** The pieces of an IPv4 packet without options that may be cut; none where that cannot be. */
export function fragment(packet: Packet, mtu: number): Packet[] {
  const { bytes, headerBytes } = packet
  const room = (mtu - headerBytes) & ~7
  if (packet.isUnfragmentable || headerBytes !== 20 || room < 8) return []
  const field = read16(bytes, 6)
  const pieces: Packet[] = []
  for (let at = headerBytes; at < bytes.length; at += room) {
    const end = Math.min(bytes.length, at + room)
    const piece = new Uint8Array(headerBytes + end - at)
    piece.set(bytes.subarray(0, headerBytes))
    piece.set(bytes.subarray(at, end), headerBytes)
    write16(piece, 2, piece.length)
    const hasMore = end < bytes.length || (field & MORE_FRAGMENTS) !== 0
    const offset = (field & OFFSET) + (at - headerBytes) / 8
    write16(piece, 6, (hasMore ? MORE_FRAGMENTS : 0) | offset)
    write16(piece, 10, 0)
    write16(piece, 10, fold(sumWords(piece, 0, headerBytes)))
    const parsed = Packet.parse(piece)
    if (parsed) pieces.push(parsed)
  }
  return pieces
}

/** Later pieces follow the first one; a piece that comes before it is lost. */
export class FragmentMemory {
  readonly #translated = new Map<string, number>()

  /** Before the first piece of a datagram is rewritten; other packets leave no trace. */
  note(packet: Packet, direction: 'out' | 'in', ip: number): void {
    if ((read16(packet.bytes, 6) & MORE_FRAGMENTS) === 0) return
    this.#translated.set(keyOf(packet, direction), ip)
    if (this.#translated.size <= REMEMBERED) return
    const [oldest] = this.#translated.keys()
    if (oldest !== undefined) this.#translated.delete(oldest)
  }

  /** A later piece. False: its first one is not known. */
  translate(packet: Packet, direction: 'out' | 'in'): boolean {
    const ip = this.#translated.get(keyOf(packet, direction))
    if (ip === undefined) return false
    if (direction === 'out') packet.rewriteSource(ip, 0)
    else packet.rewriteDestination(ip, 0)
    return true
  }
}

function keyOf({ bytes, source, destination, protocol }: Packet, direction: string): string {
  return `${direction} ${source} ${destination} ${protocol} ${read16(bytes, 4)}`
}
