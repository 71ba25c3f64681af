// The stream cipher of v1 control streams and of useEncryption: AES-128-CFB, one random IV in front
// of each direction, no MAC. Weak, but what real peers speak. frp-wire.md section 3.1.

import {
  createCipheriv,
  createDecipheriv,
  pbkdf2Sync,
  randomBytes,
  type Cipher,
  type Decipher,
} from 'node:crypto'

export const KEY_BYTES = 16
export const IV_BYTES = 16

const EMPTY = Buffer.alloc(0)

/**
 * The key of a token or of a proxy's secretKey. Any text is a secret, the empty one too. Costs
 * about 50 microseconds.
 */
export function deriveKey(secret: string): Buffer {
  return pbkdf2Sync(secret, 'frp', 64, KEY_BYTES, 'sha1')
}

/** One sending direction. The IV goes out in front of the first ciphertext and not before. */
export class CfbEncryptor {
  readonly #key: Buffer
  readonly #randomIv: () => Buffer
  #cipher: Cipher | undefined

  constructor(key: Buffer, randomIv: () => Buffer = () => randomBytes(IV_BYTES)) {
    this.#key = key
    this.#randomIv = randomIv
  }

  /** The bytes to send for these; as many, and IV_BYTES more the first time. */
  update(chunk: Uint8Array): Buffer {
    if (chunk.length === 0) return EMPTY
    if (this.#cipher) return this.#cipher.update(chunk)
    const [iv, cipher] = this.#begin()
    return Buffer.concat([iv, cipher.update(chunk)])
  }

  /** The IV alone, before there is anything to send; nothing when it was sent. */
  head(): Buffer {
    return this.#cipher ? EMPTY : this.#begin()[0]
  }

  #begin(): [iv: Buffer, cipher: Cipher] {
    const iv = this.#randomIv()
    this.#cipher = createCipheriv('aes-128-cfb', this.#key, iv)
    return [iv, this.#cipher]
  }
}

/** One receiving direction. Takes the stream in any pieces. */
export class CfbDecryptor {
  readonly #key: Buffer
  #iv: Buffer = EMPTY
  #decipher: Decipher | undefined

  constructor(key: Buffer) {
    this.#key = key
  }

  /** Bytes of the IV that have not come yet; 0 once the cipher runs. */
  get missingIvBytes(): number {
    return this.#decipher ? 0 : IV_BYTES - this.#iv.length
  }

  /** True while some bytes of the IV have come and not all: an end there cuts it. */
  get isInsideIv(): boolean {
    return !this.#decipher && this.#iv.length > 0
  }

  /** The plain bytes; empty while the IV is incomplete. */
  update(chunk: Buffer): Buffer {
    if (this.#decipher) return chunk.length === 0 ? EMPTY : this.#decipher.update(chunk)
    const taken = Math.min(chunk.length, this.missingIvBytes)
    this.#iv = Buffer.concat([this.#iv, chunk.subarray(0, taken)])
    if (this.#iv.length < IV_BYTES) return EMPTY
    this.#decipher = createDecipheriv('aes-128-cfb', this.#key, this.#iv)
    return this.update(chunk.subarray(taken))
  }
}
