// Whether two sockets behind one NAT reach each other by their outer addresses (RFC 5780 §3.4).
// Both send, since the filter of either may want that. Sans-IO.

import { encodeStun, idText, type StunMessage } from './stun/index.ts'
import type { NatSample } from './discovery.ts'
import type { Address } from '../lib/address.ts'

const SENDINGS = 3
const EVERY_MS = 60
/** The way is to the next NAT and back, but it may be a carrier's. */
const TIMEOUT_MS = 300

interface Way {
  readonly id: string
  readonly from: number
  readonly to: Address
  readonly arrivesOn: number
  readonly data: Buffer
}

export interface HairpinOutput {
  readonly type: 'send'
  readonly socket: number
  readonly to: Address
  readonly data: Buffer
}

export class HairpinTest {
  readonly #random: (bytes: number) => Uint8Array
  #ways: readonly Way[] = []
  #startedAt: number | undefined
  /** Of all ways together. */
  #sent = 0
  #result: boolean | undefined

  constructor({ random }: { readonly random: (bytes: number) => Uint8Array }) {
    this.#random = random
  }

  get isBegun(): boolean {
    return this.#startedAt !== undefined
  }

  /** Undefined while it is not known. */
  get result(): boolean | undefined {
    return this.#result
  }

  /** Two sockets and where a server has seen them. */
  begin(one: NatSample, two: NatSample, now: number): void {
    this.#startedAt = now
    this.#ways = [this.#way(one, two), this.#way(two, one)]
  }

  /** True when it was the test's. */
  handleMessage(socket: number, { kind, transactionId }: StunMessage): boolean {
    if (kind !== 'request') return false
    const id = idText(transactionId)
    const way = this.#ways.find(way => way.id === id && way.arrivesOn === socket)
    if (way) this.#result = true
    return way !== undefined
  }

  poll(now: number): HairpinOutput | undefined {
    if (this.#startedAt === undefined || this.#result !== undefined) return undefined
    if (now >= this.#startedAt + TIMEOUT_MS) {
      this.#result = false
      return undefined
    }
    const way = this.#ways[this.#sent % this.#ways.length]
    if (way === undefined || this.#sent >= this.#ways.length * SENDINGS) return undefined
    if (now < this.#nextAt(this.#startedAt)) return undefined
    this.#sent++
    return { type: 'send', socket: way.from, to: way.to, data: way.data }
  }

  deadline(): number | undefined {
    if (this.#startedAt === undefined || this.#result !== undefined) return undefined
    if (this.#sent >= this.#ways.length * SENDINGS) return this.#startedAt + TIMEOUT_MS
    return this.#nextAt(this.#startedAt)
  }

  #nextAt(startedAt: number): number {
    return startedAt + Math.floor(this.#sent / this.#ways.length) * EVERY_MS
  }

  #way(from: NatSample, to: NatSample): Way {
    const transactionId = this.#random(12)
    return {
      id: idText(transactionId),
      from: from.socket,
      to: to.mapped,
      arrivesOn: to.socket,
      data: encodeStun({ kind: 'request', transactionId }),
    }
  }
}
