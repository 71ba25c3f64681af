// Sans-IO. Keeps the latest datagrams of the peer and finds lost ones by their parity.
//
// Where a group of 13 begins is not said. A kcp-go that had nothing to send for half a second skips
// a group's parity without counting it, so groups do not stay at multiples of 13: they are found by
// the step from data to parity.

import { FEC_HEADER_BYTES, type FecHeader, FecType, SHARD_OFFSET } from './fec-packet.ts'
import { DATA_SHARDS, recoverData, SHARDS } from './reed-solomon.ts'
import { distance } from './segment.ts'

/** Four groups; reordering reaches no further. A power of two. */
const KEPT = 64
const MAX_SHARD_BYTES: number = 1_500 - SHARD_OFFSET

interface Kept {
  readonly seqid: number
  readonly type: number
  readonly shard: Buffer
}

export class FecDecoder {
  readonly #kept: (Kept | undefined)[] = new Array<Kept | undefined>(KEPT).fill(undefined)
  #newest: number | undefined
  /** Of a group's first number, modulo 13; undefined while it is being looked for. */
  #phase: number | undefined = 0

  /**
   * A datagram with its header. Returns the segments of datagrams that can be recovered now; what a
   * peer makes up comes back made up.
   */
  handle({ seqid, type }: FecHeader, datagram: Buffer): readonly Buffer[] {
    this.#newest ??= seqid
    const ahead = distance(seqid, this.#newest)
    if (ahead <= -KEPT || datagram.length - SHARD_OFFSET > MAX_SHARD_BYTES) return []
    if (ahead > 0) this.#newest = seqid
    if (this.#keptAt(seqid) !== undefined) return []
    this.#kept[seqid % KEPT] = { seqid, type, shard: Buffer.from(datagram.subarray(SHARD_OFFSET)) }
    this.#findPhase(seqid, type)
    return this.#phase === undefined ? [] : this.#recover(seqid, this.#phase)
  }

  #keptAt(seqid: number): Kept | undefined {
    const kept = this.#kept[seqid % KEPT]
    return kept?.seqid === seqid ? kept : undefined
  }

  #findPhase(seqid: number, type: number): void {
    if (type === FecType.parity && this.#keptAt(seqid - 1)?.type === FecType.data) {
      this.#phase = (seqid + SHARDS - DATA_SHARDS) % SHARDS
    } else if (this.#phase !== undefined) {
      const isData = positionOf(seqid, this.#phase) < DATA_SHARDS
      if (isData !== (type === FecType.data)) this.#phase = undefined
    }
  }

  #recover(seqid: number, phase: number): Buffer[] {
    const first = seqid - positionOf(seqid, phase)
    let [data, parity, length] = [0, 0, 0]
    for (let position = 0; position < SHARDS; position++) {
      const kept = this.#keptAt(first + position)
      if (kept === undefined) continue
      if (kept.type === FecType.data) data++
      else parity++
      if (kept.shard.length > length) length = kept.shard.length
    }
    if (data === DATA_SHARDS || data + parity < DATA_SHARDS) return []
    const shards: (Uint8Array | undefined)[] = []
    for (let position = 0; position < SHARDS; position++) {
      const kept = this.#keptAt(first + position)
      // From before the groups shifted.
      const isData = position < DATA_SHARDS
      if (kept !== undefined && isData !== (kept.type === FecType.data)) return []
      shards.push(kept && filled(kept.shard, length))
    }
    const found: Buffer[] = []
    for (const [position, shard] of recoverData(shards, length)) {
      const number = first + position
      this.#kept[number % KEPT] = { seqid: number, type: FecType.data, shard }
      const segments = segmentsOf(shard)
      if (segments !== undefined) found.push(segments)
    }
    return found
  }
}

function positionOf(seqid: number, phase: number): number {
  return (seqid - phase + SHARDS) % SHARDS
}

function filled(shard: Buffer, length: number): Buffer {
  if (shard.length === length) return shard
  const long = Buffer.alloc(length)
  shard.copy(long)
  return long
}

/** Undefined where the shard is not what an honest sender could have made. */
function segmentsOf(shard: Buffer): Buffer | undefined {
  const size = shard.length < 2 ? 0 : shard.readUInt16LE(0)
  const start = FEC_HEADER_BYTES - SHARD_OFFSET
  if (size <= start || size > shard.length) return undefined
  if (shard.subarray(size).some(byte => byte !== 0)) return undefined
  return shard.subarray(start, size)
}
