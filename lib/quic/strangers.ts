// Bounds what clients can cost before they have logged in: handshakes under way, in all and per
// address, and replies to datagrams that belong to nobody. Sans-IO.

import { networkKey } from '../address.ts'

/**
 * Handshakes under way above which a client must first prove its address (Retry, one more round
 * trip).
 */
const RETRY_ABOVE = 32
/** Handshakes under way above which new ones are dropped: about 60 kB each in quiche. */
const MAX_HANDSHAKES = 1024
/**
 * Of these per IPv4 address or IPv6 /64. A carrier NAT may hide many clients; a client retries
 * after a second.
 */
const MAX_HANDSHAKES_PER_IP = 64
const MAX_CONNECTIONS = 20_000

/** What to do with an Initial packet of an unknown connection. */
export type Verdict = 'accept' | 'retry' | 'drop'

export interface StrangerLimits {
  readonly retryAbove?: number
}

export class Strangers {
  readonly #retryAbove: number
  readonly #perIp = new Map<string, number>()
  #handshakes = 0

  constructor({ retryAbove = RETRY_ABOVE }: StrangerLimits = {}) {
    this.#retryAbove = retryAbove
  }

  judge(ip: string, options: { isProven: boolean; connections: number }): Verdict {
    if (options.connections >= MAX_CONNECTIONS || this.#handshakes >= MAX_HANDSHAKES) return 'drop'
    if ((this.#perIp.get(networkKey(ip)) ?? 0) >= MAX_HANDSHAKES_PER_IP) return 'drop'
    return this.#handshakes >= this.#retryAbove && !options.isProven ? 'retry' : 'accept'
  }

  /** A handshake began; the returned function must be called once, when it is over either way. */
  begin(ip: string): () => void {
    this.#handshakes++
    const key = networkKey(ip)
    this.#perIp.set(key, (this.#perIp.get(key) ?? 0) + 1)
    return () => {
      this.#handshakes--
      const left = (this.#perIp.get(key) ?? 1) - 1
      if (left > 0) this.#perIp.set(key, left)
      else this.#perIp.delete(key)
    }
  }
}

/** A budget that refills with time: so many units a second, at most one second's worth at once. */
export class Budget {
  readonly #perSecond: number
  #left: number
  #at: number

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#left = perSecond
    this.#at = now
  }

  /** Takes `units` if they are there. `now` in milliseconds. */
  take(units: number, now: number): boolean {
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) * this.#perSecond) / 1000)
    this.#at = now
    if (this.#left < units) return false
    this.#left -= units
    return true
  }
}
