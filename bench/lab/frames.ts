// Messages on a byte stream between the lab and its router: four bytes of length, then the value as
// v8 writes it, which unlike JSON keeps `undefined` and Infinity. Both ends are ours.

import { deserialize, serialize } from 'node:v8'

const LENGTH_BYTES = 4

export function encodeFrame(value: unknown): Buffer {
  const body = serialize(value)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(body.length)
  return Buffer.concat([length, body])
}

export class FrameReader {
  #kept = Buffer.alloc(0)

  /** The values that are whole with this piece. The piece is copied. */
  read(piece: Uint8Array): unknown[] {
    this.#kept = Buffer.concat([this.#kept, piece])
    const values: unknown[] = []
    while (this.#kept.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#kept.readUInt32LE(0)
      if (this.#kept.length < end) break
      values.push(deserialize(this.#kept.subarray(LENGTH_BYTES, end)))
      this.#kept = this.#kept.subarray(end)
    }
    return values
  }
}
