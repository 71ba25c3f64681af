// The owner's side of secret connections: offers prekeys, and tells from what frps says about a
// visitor and from his first record whether he knows the secret. Nothing behind it is touched
// before that.

import { isAuthKey } from '../wire/auth.ts'
import type { VisitorIntroduction } from '../wire/messages.ts'
import { TunnelError } from '../errors.ts'
import {
  type Agreement,
  agree,
  isProof,
  newKeyPair,
  publicKeyOf,
  type SessionKeys,
  stretchSecret,
} from './agreement.ts'
import { Prekeys } from './prekeys.ts'
import type { Refusal } from './records.ts'

export interface OwnerSecretOptions {
  readonly type: Agreement['type']
  /** With the user prefix. */
  readonly name: string
  readonly secretKey: string
  /** Of the proxy; bytes are compressed when either side wants it. */
  readonly useCompression: boolean
}

/** A visitor whose keys fit together, if he has them. */
export interface Guest {
  readonly keys: SessionKeys
  readonly compression: boolean
  /** His introduction proved it; otherwise his first record has to. */
  readonly isProven: boolean
  /** To be called when he is proven: a refusal when these keys were used before. */
  prove(now: number): Refusal | undefined
}

/** One after the other: a client with a hundred secret proxies has other work for its threads. */
let preparing: Promise<unknown> = Promise.resolve()

/** One secret proxy at its owner. Times in milliseconds. */
export class OwnerSecret {
  readonly #options: OwnerSecretOptions
  readonly #prekeys: Prekeys
  #psk: Promise<Buffer> | undefined

  constructor(options: OwnerSecretOptions, now: number) {
    this.#options = options
    this.#prekeys = new Prekeys(newKeyPair, now)
  }

  get name(): string {
    return this.#options.name
  }

  /** The prekey for the server, base64; a new one when the last is old. */
  offer(now: number): string {
    if (now >= this.#prekeys.deadline()) this.#prekeys.renew(now)
    return this.#prekeys.offered
  }

  /** When the server needs the next offer. */
  deadline(): number {
    return this.#prekeys.deadline()
  }

  /** Before the first visitor comes, who would wait for it: 45 ms, and 300 on a small board. */
  prepare(): void {
    // Whoever awaits it learns of a failure.
    preparing = preparing.then(() => this.#stretched()).catch(() => undefined)
  }

  /** The secret as it goes to a real frps, which checks visitors itself. */
  get revealed(): string {
    return this.#options.secretKey
  }

  /** Whether a real visitor's key, as frps passed it on, is right. */
  isSignKey({ sign_key: given, timestamp }: VisitorIntroduction): boolean {
    return isAuthKey(this.#options.secretKey, timestamp, given)
  }

  /** Throws TunnelError AUTH_FAILED, its detail being a Refusal. */
  async guest(introduction: VisitorIntroduction, now: number): Promise<Guest> {
    const { type, name, useCompression } = this.#options
    const { prekey: id } = introduction
    const ephemeral = publicKeyOf(introduction.ephemeral)
    const pair = this.#prekeys.find(id, now)
    if (ephemeral === undefined) throw refused('auth failed')
    if (pair === undefined) throw refused('the prekey is too old')
    const psk = await this.#stretched()
    const compression = useCompression || introduction.use_compression
    const { publicKey: prekey, privateKey } = pair
    const agreement = { psk, type, name, ephemeral, prekey, compression }
    const keys = agree(privateKey, ephemeral, agreement)
    const isProven = introduction.proof !== ''
    if (isProven && !isProof(keys, Buffer.from(introduction.proof, 'base64'))) {
      throw refused('auth failed')
    }
    // Equal bytes have one text only, whatever text they came as.
    const mark = ephemeral.toString('base64')
    const prove = (at: number): Refusal | undefined =>
      this.#prekeys.handleProven(id, mark, at) ? undefined : 'the key was used before'
    return { keys, compression, isProven, prove }
  }

  #stretched(): Promise<Buffer> {
    this.#psk ??= stretchSecret(this.#options.secretKey, this.#options.name)
    return this.#psk
  }
}

function refused(refusal: Refusal): TunnelError {
  return new TunnelError('AUTH_FAILED', refusal)
}
