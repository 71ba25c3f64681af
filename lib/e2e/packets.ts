// Packets end to end: counter (6) | AES-256-GCM ciphertext | tag (16). Each stands for itself, since
// others may be lost; the counter is the nonce and tells packets that were seen before. What a
// packet is bound to (its user's address) is authenticated, so that nobody moves it to another one.

import { createCipheriv, createDecipheriv } from 'node:crypto'

const COUNTER_BYTES = 6
const TAG_BYTES = 16
const NONCE_BYTES = 12

/** What a packet is longer by. */
export const SEAL_BYTES: number = COUNTER_BYTES + TAG_BYTES

/** One sending direction; 2^48 packets are enough for any link. */
export class PacketSealer {
  readonly #key: Buffer
  readonly #nonce: Buffer = Buffer.alloc(NONCE_BYTES)
  #count = 0

  constructor(key: Buffer) {
    this.#key = key
  }

  seal(payload: Buffer, bound: Buffer): Buffer {
    const packet = Buffer.allocUnsafe(payload.length + SEAL_BYTES)
    packet.writeUIntBE(this.#count, 0, COUNTER_BYTES)
    this.#nonce.writeUIntBE(this.#count++, NONCE_BYTES - COUNTER_BYTES, COUNTER_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce)
    cipher.setAAD(bound)
    packet.set(cipher.update(payload), COUNTER_BYTES)
    cipher.final()
    packet.set(cipher.getAuthTag(), COUNTER_BYTES + payload.length)
    return packet
  }
}

/** One receiving direction. */
export class PacketOpener {
  readonly #key: Buffer
  readonly #nonce: Buffer = Buffer.alloc(NONCE_BYTES)
  readonly #seen = new ReplayWindow()

  constructor(key: Buffer) {
    this.#key = key
  }

  /** The payload; undefined for a packet that is forged, changed, bound elsewhere, old or known. */
  open(packet: Buffer, bound: Buffer): Buffer | undefined {
    if (packet.length < SEAL_BYTES) return undefined
    const count = packet.readUIntBE(0, COUNTER_BYTES)
    if (!this.#seen.isNew(count)) return undefined
    const tagAt = packet.length - TAG_BYTES
    packet.copy(this.#nonce, NONCE_BYTES - COUNTER_BYTES, 0, COUNTER_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce)
    decipher.setAAD(bound)
    decipher.setAuthTag(packet.subarray(tagAt))
    const payload = decipher.update(packet.subarray(COUNTER_BYTES, tagAt))
    try {
      decipher.final()
    } catch {
      // Forged or damaged: as if it had been lost.
      return undefined
    }
    this.#seen.note(count)
    return payload
  }
}

const BLOCK_BITS = 32
const BLOCKS = 128
/** Packets behind the newest that are still told apart: far more than any network reorders. */
const WINDOW = (BLOCKS - 1) * BLOCK_BITS

/** Which counters were seen; what is behind the window counts as seen. RFC 6479. */
export class ReplayWindow {
  readonly #blocks = new Uint32Array(BLOCKS)
  #newest = -1

  isNew(count: number): boolean {
    if (count > this.#newest) return true
    if (this.#newest - count >= WINDOW) return false
    const block = this.#blocks[Math.floor(count / BLOCK_BITS) % BLOCKS] ?? 0
    return (block & (1 << (count % BLOCK_BITS))) === 0
  }

  /** Only for a count that is new. */
  note(count: number): void {
    const block = Math.floor(count / BLOCK_BITS)
    if (count > this.#newest) {
      const newest = Math.floor(this.#newest / BLOCK_BITS)
      // Blocks that the window moves into still hold what was there a turn ago.
      for (let next = Math.max(newest + 1, block - BLOCKS + 1); next <= block; next++) {
        this.#blocks[next % BLOCKS] = 0
      }
      this.#newest = count
    }
    const at = block % BLOCKS
    this.#blocks[at] = (this.#blocks[at] ?? 0) | (1 << (count % BLOCK_BITS))
  }
}
