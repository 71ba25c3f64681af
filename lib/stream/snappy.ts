// The snappy framing format (google/snappy framing_format.txt), as golang/snappy speaks it: frp's
// useCompression. Sans-IO. Every write becomes chunks at once, so that a keystroke is not held
// back. frp-wire.md section 3.3.

import { TunnelError } from '../errors.ts'
import { crc32c } from './crc32c.ts'
import {
  compressBlock,
  MAX_BLOCK_BYTES,
  uncompressBlock,
  uncompressedLength,
} from './snappy-block.ts'

const COMPRESSED = 0x00
const STORED = 0x01
const FIRST_SKIPPABLE = 0x80
const IDENTIFIER = 0xff
const IDENTIFIER_CHUNK = Buffer.from('ff060000734e61507059', 'hex')
const HEADER_BYTES = 4
const CHECKSUM_BYTES = 4

/** Longest body of a data chunk: checksum and the worst case of snappy for a whole block. */
export const MAX_CHUNK_BYTES: number =
  CHECKSUM_BYTES + 32 + MAX_BLOCK_BYTES + Math.floor(MAX_BLOCK_BYTES / 6)

const EMPTY = Buffer.alloc(0)

/** One sending direction. Holds nothing back and keeps nothing between calls. */
export class SnappyEncoder {
  #isFirst = true

  /** The stream identifier alone, before there is anything to send; nothing when it was sent. */
  head(): Buffer {
    const head = this.#isFirst ? IDENTIFIER_CHUNK : EMPTY
    this.#isFirst = false
    return head
  }

  /** The chunks to send for these bytes, with the stream identifier in front the first time. */
  encode(bytes: Buffer): Buffer {
    if (bytes.length === 0) return EMPTY
    const blocks = Math.ceil(bytes.length / MAX_BLOCK_BYTES)
    const prefix = this.#isFirst ? IDENTIFIER_CHUNK.length : 0
    const framing = prefix + blocks * (HEADER_BYTES + CHECKSUM_BYTES)
    // A block is stored when compression does not save an eighth, so this is the most there can be.
    const output = Buffer.allocUnsafe(framing + bytes.length)
    if (this.#isFirst) IDENTIFIER_CHUNK.copy(output)
    this.#isFirst = false
    let out = prefix
    for (let at = 0; at < bytes.length; at += MAX_BLOCK_BYTES) {
      out = putChunk(bytes.subarray(at, at + MAX_BLOCK_BYTES), output, out)
    }
    return output.subarray(0, out)
  }
}

/**
 * One receiving direction: `push` received bytes, then call `next` until undefined before the next
 * push. Holds one chunk at most. Throws PROTOCOL_ERROR and is over then: a missing identifier, an
 * unknown chunk type below 0x80, a chunk or block that is too long, malformed data, a wrong
 * checksum.
 */
export class SnappyDecoder {
  #input: Buffer = EMPTY
  #at = 0
  #hasIdentifier = false
  #type = -1
  #length = 0
  #skip = 0
  #partial: Buffer = EMPTY
  #filled = 0

  /** Takes the bytes over: results are views of them. */
  push(chunk: Buffer): void {
    const rest = this.#input.subarray(this.#at)
    this.#input = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    this.#at = 0
  }

  /** The bytes of the next data chunk, never empty; undefined when more input is needed. */
  next(): Buffer | undefined {
    for (;;) {
      if (this.#skip > 0 && !this.#skipOn()) return undefined
      if (this.#type < 0) {
        const header = this.#gather(HEADER_BYTES)
        if (!header) return undefined
        this.#begin(header[0] as number, header.readUIntLE(1, 3))
        continue
      }
      const body = this.#gather(this.#length)
      if (!body) return undefined
      const type = this.#type
      this.#type = -1
      const bytes = this.#decode(type, body)
      if (bytes.length > 0) return bytes
    }
  }

  /** True between chunks; an end of the stream anywhere else cuts one. */
  get isEmpty(): boolean {
    const isBetween = this.#type < 0 && this.#skip === 0 && this.#filled === 0
    return isBetween && this.#at === this.#input.length
  }

  #skipOn(): boolean {
    const skipped = Math.min(this.#skip, this.#input.length - this.#at)
    this.#at += skipped
    this.#skip -= skipped
    return this.#skip === 0
  }

  // The next `length` bytes in one piece: a view when the input holds them all, else collected over
  // several pushes.
  #gather(length: number): Buffer | undefined {
    const available = this.#input.length - this.#at
    if (this.#filled === 0 && available >= length) {
      this.#at += length
      return this.#input.subarray(this.#at - length, this.#at)
    }
    if (available === 0) return undefined
    if (this.#filled === 0) this.#partial = Buffer.allocUnsafe(length)
    const copied = this.#input.copy(this.#partial, this.#filled, this.#at)
    this.#at += copied
    this.#filled += copied
    if (this.#filled < length) return undefined
    const whole = this.#partial
    this.#partial = EMPTY
    this.#filled = 0
    return whole
  }

  #begin(type: number, length: number): void {
    if (type === IDENTIFIER) {
      if (length !== IDENTIFIER_CHUNK.length - HEADER_BYTES) throw broken('the identifier is wrong')
      this.#hasIdentifier = true
    } else if (!this.#hasIdentifier) {
      throw broken('the stream identifier is missing')
    } else if (type >= FIRST_SKIPPABLE) {
      this.#skip = length
      return
    } else if (type > STORED) {
      throw broken(`chunk type 0x${type.toString(16).padStart(2, '0')} is unknown`)
    } else if (length < CHECKSUM_BYTES) {
      throw broken('a chunk is too short for its checksum')
    } else if (length > (type === STORED ? CHECKSUM_BYTES + MAX_BLOCK_BYTES : MAX_CHUNK_BYTES)) {
      throw broken(`a chunk of ${length} bytes is too long`)
    }
    this.#type = type
    this.#length = length
  }

  #decode(type: number, body: Buffer): Buffer {
    if (type === IDENTIFIER) {
      if (IDENTIFIER_CHUNK.compare(body, 0, body.length, HEADER_BYTES) !== 0) {
        throw broken('the identifier is wrong')
      }
      return EMPTY
    }
    const data = body.subarray(CHECKSUM_BYTES)
    const bytes = type === COMPRESSED ? uncompress(data) : data
    if (checksum(bytes) !== body.readUInt32LE(0)) throw broken('a checksum is wrong')
    return bytes
  }
}

function putChunk(block: Buffer, output: Buffer, start: number): number {
  const data = start + HEADER_BYTES + CHECKSUM_BYTES
  const most = block.length - Math.floor(block.length / 8) - 1
  const end = compressBlock(block, output, data, most)
  if (end === 0) block.copy(output, data)
  const length = (end === 0 ? block.length : end - data) + CHECKSUM_BYTES
  output[start] = end === 0 ? STORED : COMPRESSED
  output.writeUIntLE(length, start + 1, 3)
  output.writeUInt32LE(checksum(block), start + HEADER_BYTES)
  return start + HEADER_BYTES + length
}

function uncompress(data: Buffer): Buffer {
  const length = uncompressedLength(data)
  if (length < 0) throw broken('the length of a block is wrong')
  // Not cleared, but handed on only when every byte of it was written.
  const bytes = Buffer.allocUnsafe(length)
  if (!uncompressBlock(data, bytes)) throw broken('a block is malformed')
  return bytes
}

// "Masked", so that a checksum of data with checksums in it is not degenerate.
function checksum(bytes: Buffer): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

function broken(detail: string): TunnelError {
  return new TunnelError('PROTOCOL_ERROR', `compressed stream: ${detail}`)
}
