// Bytes end to end, as records over a stream that others carry:
//
//   type (1) | length (3, of what follows) | AES-256-GCM ciphertext | tag (16)
//
// The nonce is the record's number, the head is authenticated. A record of type END stands at the
// end of a direction, so that nobody can cut it; REFUSED is not encrypted, one byte, and only the
// first record of an owner: somebody who forges it could as well close the stream.

import { createCipheriv, createDecipheriv } from 'node:crypto'
import { TunnelError } from '../errors.ts'
import type { Layer } from '../stream/wrapped.ts'
import { nextKey } from './agreement.ts'

const DATA = 0
const END = 1
const REFUSED = 2

const HEAD_BYTES = 4
const TAG_BYTES = 16
const NONCE_BYTES = 12
/** 19 microseconds for 64 KiB, 8 for 16 KiB, 3 for 100 bytes: larger ones gain nothing. */
const MAX_PLAIN_BYTES = 65_536
/** Of full records 64 GiB with one key; RFC 8446 5.5 allows AES-GCM far more. */
const RECORDS_PER_KEY = 1 << 20
const EMPTY = Buffer.alloc(0)

/** Why an owner turns a visitor away. */
export const REFUSALS = ['auth failed', 'the prekey is too old', 'the key was used before'] as const
export type Refusal = (typeof REFUSALS)[number]

/** What an owner sends instead of records. */
export function refusalRecord(refusal: Refusal): Buffer {
  return Buffer.from([REFUSED, 0, 0, 1, REFUSALS.indexOf(refusal)])
}

/** One sending direction. */
export class RecordWriter {
  readonly #nonce: Buffer = Buffer.alloc(NONCE_BYTES)
  #key: Buffer
  #count = 0

  constructor(key: Buffer) {
    this.#key = key
  }

  /** One record; `plain` has at most 64 KiB. */
  data(plain: Uint8Array): Buffer {
    return this.#seal(DATA, plain)
  }

  /** The last record of the direction. */
  end(): Buffer {
    return this.#seal(END, EMPTY)
  }

  #seal(type: number, plain: Uint8Array): Buffer {
    const record = Buffer.allocUnsafe(HEAD_BYTES + plain.length + TAG_BYTES)
    record.writeUInt32BE(plain.length + TAG_BYTES, 0)
    record[0] = type
    countNonce(this.#nonce, this.#count)
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce)
    cipher.setAAD(record.subarray(0, HEAD_BYTES))
    record.set(cipher.update(plain), HEAD_BYTES)
    cipher.final()
    record.set(cipher.getAuthTag(), record.length - TAG_BYTES)
    if (++this.#count % RECORDS_PER_KEY === 0) this.#key = nextKey(this.#key)
    return record
  }
}

/** One receiving direction. Throws PROTOCOL_ERROR and AUTH_FAILED; it is over then. */
export class RecordReader {
  readonly #nonce: Buffer = Buffer.alloc(NONCE_BYTES)
  #key: Buffer
  #count = 0
  /** Received and not read; joined only when a record lies in several of them. */
  #chunks: Buffer[] = []
  #size = 0
  #hasEnded = false

  constructor(key: Buffer) {
    this.#key = key
  }

  /** True after the last record. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** True where a record begins. */
  get isEmpty(): boolean {
    return this.#size === 0
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.#hasEnded) throw new TunnelError('PROTOCOL_ERROR', 'a record came after the last one')
    this.#chunks.push(bytes)
    this.#size += bytes.length
  }

  /** The bytes of the next record, possibly none; undefined until one is whole. */
  next(): Buffer | undefined {
    if (this.#size < HEAD_BYTES) return undefined
    const head = this.#peek(HEAD_BYTES)
    const type = head.readUInt8(0)
    const length = head.readUIntBE(1, 3)
    const isRefusal = type === REFUSED && length === 1 && this.#count === 0
    const isOfSize = length >= TAG_BYTES && length <= MAX_PLAIN_BYTES + TAG_BYTES
    const isRecord = isOfSize && (type === DATA || type === END)
    if (!isRefusal && !isRecord) throw new TunnelError('PROTOCOL_ERROR', 'no record of ours')
    if (this.#size < HEAD_BYTES + length) return undefined
    const record = this.#take(HEAD_BYTES + length)
    if (isRefusal) throw new TunnelError('AUTH_FAILED', REFUSALS[record[HEAD_BYTES] ?? 0] ?? '')
    const plain = this.#open(record)
    if (type === END) {
      this.#hasEnded = true
      if (plain.length > 0 || this.#size > 0) {
        throw new TunnelError('PROTOCOL_ERROR', 'bytes came after the last record')
      }
    }
    return plain
  }

  #open(record: Buffer): Buffer {
    const tagAt = record.length - TAG_BYTES
    countNonce(this.#nonce, this.#count)
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce)
    decipher.setAAD(record.subarray(0, HEAD_BYTES))
    decipher.setAuthTag(record.subarray(tagAt))
    const plain = decipher.update(record.subarray(HEAD_BYTES, tagAt))
    try {
      decipher.final()
    } catch (cause) {
      const text = this.#count === 0 ? 'auth failed' : 'a record was changed on its way'
      throw new TunnelError('AUTH_FAILED', text, { cause })
    }
    if (++this.#count % RECORDS_PER_KEY === 0) this.#key = nextKey(this.#key)
    return plain
  }

  #peek(length: number): Buffer {
    const [first = EMPTY] = this.#chunks
    if (first.length >= length) return first
    return this.#join()
  }

  #take(length: number): Buffer {
    const first = this.#peek(length)
    this.#size -= length
    if (first.length === length) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(length)
    return first.subarray(0, length)
  }

  #join(): Buffer {
    const joined = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks)
    this.#chunks = joined === undefined ? [] : [joined]
    return joined ?? EMPTY
  }
}

/** Both directions of one side, as a layer of a stream. */
export class RecordLayer implements Layer {
  readonly pieceBytes: number = MAX_PLAIN_BYTES
  readonly #writer: RecordWriter
  readonly #reader: RecordReader
  #first: Buffer | undefined

  /** `first` was read already and is delivered before what the reader holds. */
  constructor(writer: RecordWriter, reader: RecordReader, first?: Buffer) {
    this.#writer = writer
    this.#reader = reader
    this.#first = first
  }

  encode(piece: Buffer): Buffer {
    return this.#writer.data(piece)
  }

  ending(): Buffer {
    return this.#writer.end()
  }

  push(received: Buffer): void {
    this.#reader.push(received)
  }

  decode(): Buffer | undefined {
    const first = this.#first
    this.#first = undefined
    if (first !== undefined && first.length > 0) return first
    for (;;) {
      const plain = this.#reader.next()
      if (plain === undefined || plain.length > 0) return plain
    }
  }

  finish(): void {
    if (!this.#reader.hasEnded) {
      throw new TunnelError('PROTOCOL_ERROR', 'the stream was cut on its way')
    }
  }

  delay(): number {
    return 0
  }
}

function countNonce(nonce: Buffer, count: number): void {
  nonce.writeUIntBE(count, NONCE_BYTES - 6, 6)
}
