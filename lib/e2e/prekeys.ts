// The owner's prekeys of one proxy: which one is offered, which are still good, and which
// connections were seen with them, so that none is accepted twice. Sans-IO.

import type { KeyPair } from './agreement.ts'

/** A prekey is offered for so long: what was recorded is safe for good once it is gone. */
export const PREKEY_LIFE_MS = 600_000
/** The one before is still taken for so long: a visitor may have it from a moment ago. */
const GRACE_MS = 60_000
/** Connections with one prekey; each leaves a mark of about 100 bytes. */
const MAX_SEEN = 16_384

interface Prekey {
  readonly pair: KeyPair
  readonly id: string
  readonly seen: Set<string>
  /** When it is not taken any more. */
  endsAt: number
}

/** Times in milliseconds. */
export class Prekeys {
  readonly #newPair: () => KeyPair
  #current: Prekey
  #previous: Prekey | undefined
  #renewAt: number

  constructor(newPair: () => KeyPair, now: number) {
    this.#newPair = newPair
    this.#current = this.#fresh()
    this.#renewAt = now + PREKEY_LIFE_MS
  }

  /** To be offered, base64. */
  get offered(): string {
    return this.#current.id
  }

  /** When `renew` wants to be called. */
  deadline(): number {
    return this.#renewAt
  }

  /** A new prekey is offered from now on. */
  renew(now: number): void {
    this.#previous = this.#current
    this.#previous.endsAt = now + GRACE_MS
    this.#current = this.#fresh()
    this.#renewAt = now + PREKEY_LIFE_MS
  }

  /** The pair to this prekey, undefined when it is too old or was never ours. */
  find(id: string, now: number): KeyPair | undefined {
    return this.#prekey(id, now)?.pair
  }

  /**
   * A visitor has shown that he knows the secret. False when he did so before with this key, also
   * with the other prekey: somebody replays him, or has made him say again what had arrived. Only
   * those who know the secret can fill the memory of this.
   */
  handleProven(id: string, ephemeral: string, now: number): boolean {
    const prekey = this.#prekey(id, now)
    if (prekey === undefined || this.#hasSeen(ephemeral)) return false
    prekey.seen.add(ephemeral)
    if (prekey === this.#current && prekey.seen.size >= MAX_SEEN) this.#renewAt = now
    // Full in spite of the new one: the visitor asks again and gets that.
    return prekey.seen.size <= 2 * MAX_SEEN
  }

  #hasSeen(ephemeral: string): boolean {
    return this.#current.seen.has(ephemeral) || this.#previous?.seen.has(ephemeral) === true
  }

  #prekey(id: string, now: number): Prekey | undefined {
    if (id === this.#current.id) return this.#current
    if (id === this.#previous?.id && now < this.#previous.endsAt) return this.#previous
    return undefined
  }

  #fresh(): Prekey {
    const pair = this.#newPair()
    return { pair, id: pair.publicKey.toString('base64'), seen: new Set(), endsAt: Infinity }
  }
}
