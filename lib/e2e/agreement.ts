// The keys of one connection between a visitor and a proxy, both ours. frps passes the public keys
// on and knows nothing else: neither secretKey nor what is derived here.
//
//   psk     = scrypt(secretKey, "quicfrp e2e 1 " name)           once for a proxy
//   prekey  = X25519 pair of the owner, a new one every ten minutes (prekeys.ts)
//   keys    = HKDF-SHA256(X25519(ephemeral, prekey), psk, hash of everything that was agreed)
//
// In Noise's words NKpsk0 with a short-lived static key: who does not know secretKey gets no key,
// whichever public keys he puts in; who only records gets none even if he learns it later. The
// prekey is known to the visitor before his first byte, so the agreement costs no round trip.

import {
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  scrypt,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto'
import { TunnelError } from '../errors.ts'

export const PUBLIC_KEY_BYTES = 32
const KEY_BYTES = 32
const PROOF_BYTES = 16
const LABEL = 'quicfrp e2e 1 '

/**
 * 16 MiB and 26 ms for each guess at a secretKey. Somebody who plays the other side can make one
 * connection fail and then guess at home; this is what slows him.
 */
const STRETCH = { N: 16_384, r: 8, p: 1, maxmem: 32 << 20 }

/** In front of the 32 bytes of an X25519 public key: SubjectPublicKeyInfo, RFC 8410. */
const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex')

export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Buffer
  readonly privateKey: KeyObject
}

export interface SessionKeys {
  readonly toProxy: Buffer
  readonly toVisitor: Buffer
  /** Shows the owner that the visitor has the keys, before any byte of payload. */
  readonly proof: Buffer
}

/** What both sides must mean; anything else gives other keys. */
export interface Agreement {
  readonly psk: Buffer
  readonly type: 'stcp' | 'sudp' | 'xtcp'
  /** Of the proxy, with the user prefix. */
  readonly name: string
  /** Public keys. */
  readonly ephemeral: Buffer
  readonly prekey: Buffer
  readonly compression: boolean
}

export function newKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  return { publicKey: spki.subarray(SPKI_HEAD.length), privateKey }
}

/** The secret of one proxy, slow to guess at. `name` with the user prefix. */
export function stretchSecret(secretKey: string, name: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secretKey, `${LABEL}${name}`, KEY_BYTES, STRETCH, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}

/**
 * The keys of one side: `own` is the private key to one of the two public keys. Throws AUTH_FAILED
 * for a public key of the other side that is none.
 */
export function agree(own: KeyObject, theirs: Buffer, agreement: Agreement): SessionKeys {
  const { psk, type, name, ephemeral, prekey, compression } = agreement
  const bound = createHash('sha256')
  for (const part of [LABEL, type, name, ephemeral, prekey, compression ? 'snappy' : 'plain']) {
    const bytes = Buffer.from(part)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    bound.update(length).update(bytes)
  }
  const size = 2 * KEY_BYTES + PROOF_BYTES
  const okm = Buffer.from(hkdfSync('sha256', exchange(own, theirs), psk, bound.digest(), size))
  return {
    toProxy: okm.subarray(0, KEY_BYTES),
    toVisitor: okm.subarray(KEY_BYTES, 2 * KEY_BYTES),
    proof: okm.subarray(2 * KEY_BYTES),
  }
}

/** Takes the same time for every wrong proof. */
export function isProof(keys: SessionKeys, given: Buffer): boolean {
  return given.length === PROOF_BYTES && timingSafeEqual(given, keys.proof)
}

/** The key that replaces this one; nothing leads back. */
export function nextKey(key: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `${LABEL}next`, KEY_BYTES))
}

/** A public key as it came in a message; undefined when it is none. */
export function publicKeyOf(base64: string): Buffer | undefined {
  // Longer texts are not looked at.
  if (base64.length !== 44) return undefined
  const bytes = Buffer.from(base64, 'base64')
  return bytes.length === PUBLIC_KEY_BYTES ? bytes : undefined
}

function exchange(own: KeyObject, theirs: Buffer): Buffer {
  try {
    const key = Buffer.concat([SPKI_HEAD, theirs])
    const publicKey = createPublicKey({ key, format: 'der', type: 'spki' })
    // OpenSSL refuses the points of small order, whose result anybody knows.
    return diffieHellman({ privateKey: own, publicKey })
  } catch (cause) {
    throw new TunnelError('AUTH_FAILED', 'the public key of the other side is none', { cause })
  }
}
