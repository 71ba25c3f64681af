// Finds the largest datagram that passes in both directions before the handshake, because the
// binding fixes the size when a connection is made. A probe is padded to the size it asks about and
// answered by an echo of the same size, so a stranger gets no amplification. Codec and machine;
// Sans-IO.
// Layout: 08 'QFP' kind(1) nonce(8) size(2) zeros. The first byte is free in RFC 9443's table.

const MAGIC = 0x08514650
const HEADER_BYTES = 15
const PROBE = 1
const ECHO = 2

/** Used when nobody answers: fits IPv6's minimum of 1280 and every tunnel seen in practice. */
export const DEFAULT_DATAGRAM_BYTES = 1252

/**
 * What to try. 1472 and 1452 fill Ethernet on IPv4 and IPv6, 1372 passes WireGuard and most mobile
 * networks, 8932 is jumbo frames. 16000 is for loopback, measured through the whole tunnel on one
 * machine: 1452 1.7, 16000 6.4, 32000 5.8, 65000 5.2 Gbit/s (larger ones fall out of the caches).
 */
const SIZES = [16_000, 8932, 1472, 1452, 1372, DEFAULT_DATAGRAM_BYTES]

/**
 * Wait this long for the first echo. A real frps never answers, so this is what it costs to learn
 * that.
 */
const FIRST_ECHO_MS = 250
/** After the first echo, larger ones get half a round trip more, at least this. */
const MIN_GRACE_MS = 5

export interface ProbeDatagram {
  readonly kind: 'probe' | 'echo'
  readonly nonce: bigint
  readonly size: number
}

/**
 * Reads a probe or echo; undefined for anything else. An echo shorter than it says does not count.
 */
export function readProbe(data: Buffer): ProbeDatagram | undefined {
  if (data.length < HEADER_BYTES || data.readUInt32BE(0) !== MAGIC) return undefined
  const kind = data.readUInt8(4)
  const size = data.readUInt16BE(13)
  if ((kind !== PROBE && kind !== ECHO) || size !== data.length) return undefined
  return { kind: kind === PROBE ? 'probe' : 'echo', nonce: data.readBigUInt64BE(5), size }
}

export function writeProbe({ kind, nonce, size }: ProbeDatagram): Buffer {
  const data = Buffer.alloc(Math.max(size, HEADER_BYTES))
  data.writeUInt32BE(MAGIC, 0)
  data.writeUInt8(kind === 'probe' ? PROBE : ECHO, 4)
  data.writeBigUInt64BE(nonce, 5)
  data.writeUInt16BE(data.length, 13)
  return data
}

export interface ProbeResult {
  readonly datagramBytes: number
  /** Absent when nobody answered. */
  readonly rttMs?: number
}

/** One search. Times in milliseconds. */
export class MtuProbe {
  readonly #nonce: bigint
  readonly #startedAt: number
  #outgoing: number[]
  #best = 0
  #rttMs: number | undefined
  #doneAt: number

  /** `limitBytes` caps what is tried, for sockets that would fragment larger ones. */
  constructor(nonce: bigint, now: number, limitBytes: number = 65_507) {
    this.#nonce = nonce
    this.#startedAt = now
    this.#outgoing = SIZES.filter(size => size <= limitBytes)
    this.#doneAt = now + FIRST_ECHO_MS
  }

  /** The next datagram to send, or undefined. */
  poll(): Buffer | undefined {
    const size = this.#outgoing.shift()
    return size === undefined ? undefined : writeProbe({ kind: 'probe', nonce: this.#nonce, size })
  }

  handle(datagram: ProbeDatagram, now: number): void {
    if (datagram.kind !== 'echo' || datagram.nonce !== this.#nonce) return
    this.#best = Math.max(this.#best, datagram.size)
    if (this.#rttMs === undefined) {
      this.#rttMs = now - this.#startedAt
      this.#doneAt = now + Math.max(MIN_GRACE_MS, this.#rttMs / 2)
    }
    if (this.#best === SIZES[0]) this.#doneAt = now
  }

  deadline(): number {
    return this.#doneAt
  }

  /** The answer, once the deadline has passed. */
  result(now: number): ProbeResult | undefined {
    if (now < this.#doneAt) return undefined
    if (this.#rttMs === undefined) return { datagramBytes: DEFAULT_DATAGRAM_BYTES }
    return { datagramBytes: Math.max(this.#best, 1200), rttMs: this.#rttMs }
  }
}
