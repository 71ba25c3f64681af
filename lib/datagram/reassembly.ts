// Packets that came in parts. A packet is complete or lost: what is missing is not asked for.
// Sans-IO. Bounded in packets and bytes; the oldest unfinished packet goes first.

import { MAX_PACKET_BYTES } from './flow.ts'

/**
 * Unfinished packets of one session. Parts follow each other closely, so few are open at a time.
 */
const MAX_UNFINISHED = 128
const MAX_BYTES = 4 << 20

/** After this, in milliseconds, the rest will not come; also what one repetition takes is over. */
const GIVE_UP_MS = 2_000

interface Unfinished {
  readonly key: number
  readonly parts: (Buffer | undefined)[]
  readonly since: number
  missing: number
  bytes: number
}

/** Times in milliseconds. */
export class Reassembly {
  /** Insertion order is age. */
  readonly #unfinished = new Map<number, Unfinished>()
  #bytes = 0

  get size(): number {
    return this.#unfinished.size
  }

  /**
   * `key` names the packet: its flow and sequence. `payload` is lent. Gives the packet when this
   * was the last missing part.
   */
  handlePart(
    key: number,
    { part, last }: { readonly part: number; readonly last: number },
    payload: Buffer,
    now: number,
  ): Buffer | undefined {
    let packet = this.#unfinished.get(key)
    if (packet !== undefined && packet.parts.length !== last + 1) {
      // Another packet of the same number: sequences have come round.
      this.#remove(packet)
      packet = undefined
    }
    if (packet === undefined) {
      packet = { key, parts: Array(last + 1), since: now, missing: last + 1, bytes: 0 }
      this.#unfinished.set(key, packet)
    }
    if (packet.parts[part] !== undefined) return undefined
    packet.bytes += payload.length
    if (packet.bytes > MAX_PACKET_BYTES) {
      this.#remove(packet)
      return undefined
    }
    packet.parts[part] = Buffer.from(payload)
    packet.missing--
    this.#bytes += payload.length
    if (packet.missing === 0) {
      this.#remove(packet)
      return Buffer.concat(packet.parts.filter(bytes => bytes !== undefined))
    }
    this.#trim(packet, now)
    return undefined
  }

  #trim(newest: Unfinished, now: number): void {
    for (const packet of this.#unfinished.values()) {
      const isCrowded = this.#unfinished.size > MAX_UNFINISHED || this.#bytes > MAX_BYTES
      const isOver = now - packet.since > GIVE_UP_MS
      if ((!isCrowded && !isOver) || packet === newest) return
      this.#remove(packet)
    }
  }

  #remove(packet: Unfinished): void {
    if (!this.#unfinished.delete(packet.key)) return
    for (const part of packet.parts) this.#bytes -= part?.length ?? 0
  }
}
