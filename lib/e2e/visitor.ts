// The visitor's side of secret connections: his keys for each of them, and the memory of what the
// proxy was the last time: once it was one of ours, nothing less is accepted.

import { TunnelError } from '../errors.ts'
import type { VisitorAnswer, VisitorOffer } from '../wire/messages.ts'
import {
  type Agreement,
  agree,
  type KeyPair,
  newKeyPair,
  publicKeyOf,
  type SessionKeys,
  stretchSecret,
} from './agreement.ts'

export interface VisitorSecretOptions {
  readonly type: Agreement['type']
  /** Of the proxy, with its user prefix. */
  readonly name: string
  readonly secretKey: string
  readonly useCompression: boolean
}

export interface SecretConnection {
  readonly offer: VisitorOffer
  /** What the stream is sealed with if the owner still has the prekey of the offer. */
  readonly early: Sealing | undefined
  /** Throws AUTH_FAILED when the prekey is none. */
  accept(answer: VisitorAnswer): Sealing & {
    /** The offer has proved to the owner that we know the secret: the keys are the early ones. */
    readonly isProven: boolean
    /** IP address of the owner as the server sees it; empty where it does not say. */
    readonly observed: string
  }
}

export interface Sealing {
  readonly keys: SessionKeys
  readonly compression: boolean
}

/** One proxy as a visitor knows it. */
export class VisitorSecret {
  readonly #options: VisitorSecretOptions
  readonly #psk: Promise<Buffer>
  /** The last answer: with it the proof travels with the offer. */
  #known: VisitorAnswer | undefined

  constructor(options: VisitorSecretOptions) {
    this.#options = options
    this.#psk = stretchSecret(options.secretKey, options.name)
    // Whoever awaits it learns of a failure.
    this.#psk.catch(() => undefined)
  }

  /** Whether a connection to this proxy was end to end before, in the life of this process. */
  get wasEndToEnd(): boolean {
    return this.#known !== undefined
  }

  /** `pair`: of this connection alone, whichever prekeys it is offered with. */
  async connect(pair: KeyPair = newKeyPair()): Promise<SecretConnection> {
    const { type, name, useCompression } = this.#options
    const psk = await this.#psk
    const { publicKey: ephemeral, privateKey } = pair
    const sealing = (answer: VisitorAnswer): Sealing => {
      const prekey = publicKeyOf(answer.prekey)
      if (prekey === undefined) {
        throw new TunnelError('AUTH_FAILED', 'the server gave a prekey that is none')
      }
      const compression = useCompression || answer.use_compression
      const agreement = { psk, type, name, ephemeral, prekey, compression }
      return { keys: agree(privateKey, prekey, agreement), compression }
    }
    const known = this.#known
    const early = known && sealing(known)
    return {
      early,
      offer: {
        ephemeral: ephemeral.toString('base64'),
        prekey: known?.prekey ?? '',
        proof: early?.keys.proof.toString('base64') ?? '',
      },
      accept: answer => {
        const isProven =
          answer.prekey === known?.prekey && answer.use_compression === known.use_compression
        const agreed = isProven && early ? early : sealing(answer)
        this.#known = answer
        return { ...agreed, isProven, observed: answer.observed ?? '' }
      },
    }
  }
}
