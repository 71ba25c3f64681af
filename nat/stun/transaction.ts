// A client's Binding transactions: many at once, each sent again until it is answered (RFC 8489
// §6.2.1 with a shorter beginning: its 500 ms are longer than most round trips). Sans-IO.

import type { Address } from '../../lib/address.ts'
import { encodeStun } from './codec.ts'
import { TRANSACTION_ID_BYTES, type StunChange, type StunMessage } from './message.ts'

export interface TransactionOptions {
  /** So many bytes of chance. */
  readonly random: (bytes: number) => Uint8Array
  /**
   * Milliseconds after each transmission until the next, and after the last one until the
   * transaction has failed. Default 100, 200, 400, 800, 800.
   */
  readonly waitsMs?: readonly number[]
}

export interface TransactionRequest {
  /** By the caller's numbers; the answer must come in on the same one. */
  readonly socket: number
  readonly to: Address
  /** Asks a server of RFC 5780 to answer from elsewhere; then the answer may come from anywhere. */
  readonly change?: StunChange
  /** Bytes of PADDING, a multiple of 4. Default: what makes an answer of ours no longer. */
  readonly padding?: number
}

export interface TransactionAnswer {
  readonly id: string
  readonly socket: number
  /** Who was asked. */
  readonly server: Address
  /** Who answered; differs from `server` after a `change` only. */
  readonly from: Address
  /** Which address of ours he saw. */
  readonly mapped: Address
  /** Another address of the same server. */
  readonly other: Address | undefined
  /** Since the first transmission, so no less than the round trip. */
  readonly rttMs: number
  readonly at: number
}

export type TransactionOutput =
  | {
      readonly type: 'send'
      readonly id: string
      readonly socket: number
      readonly to: Address
      readonly data: Buffer
    }
  | ({ readonly type: 'answer' } & TransactionAnswer)
  | {
      readonly type: 'failed'
      readonly id: string
      readonly socket: number
      readonly server: Address
      /** In words: no answer, or the server's error code. */
      readonly reason: string
    }

/** RFC 8489 waits 39.5 s in all; whoever has not answered by then is of no use here. */
const WAITS_MS: readonly number[] = [100, 200, 400, 800, 800]
/** What makes a request as long as the answer of a server of ours: two addresses. */
const PADDING_BYTES = { 4: 20, 6: 44 } as const

interface Transaction {
  readonly request: TransactionRequest
  readonly id: Uint8Array
  readonly data: Buffer
  readonly startedAt: number
  sent: number
  nextAt: number
}

/** After each command or `handleMessage`, poll until undefined and then wait for the deadline. */
export class Transactions {
  readonly #random: (bytes: number) => Uint8Array
  readonly #waitsMs: readonly number[]
  readonly #open = new Map<string, Transaction>()
  readonly #outputs: TransactionOutput[] = []

  constructor({ random, waitsMs = WAITS_MS }: TransactionOptions) {
    this.#random = random
    this.#waitsMs = waitsMs
  }

  /** Returns the transaction's id, 24 hexadecimal digits. It is sent with the next `poll`. */
  start(request: TransactionRequest, now: number): string {
    const id = this.#random(TRANSACTION_ID_BYTES)
    const { to, change } = request
    const padding = request.padding ?? PADDING_BYTES[to.ip.includes(':') ? 6 : 4]
    const message: StunMessage = {
      kind: 'request',
      transactionId: id,
      ...(change && { change }),
      ...(padding > 0 && { padding }),
    }
    const key = idText(id)
    this.#open.set(key, {
      request,
      id,
      data: encodeStun(message),
      startedAt: now,
      sent: 0,
      nextAt: now,
    })
    return key
  }

  /** Forgets it without a word. */
  cancel(id: string): void {
    this.#open.delete(id)
  }

  /** True while it waits for an answer. */
  isOpen(id: string): boolean {
    return this.#open.has(id)
  }

  /** True when it was the answer to an open transaction. */
  handleMessage(socket: number, message: StunMessage, from: Address, now: number): boolean {
    const { kind, transactionId, mapped, other, errorCode } = message
    if (kind !== 'success' && kind !== 'error') return false
    const id = idText(transactionId)
    const transaction = this.#open.get(id)
    if (transaction === undefined || transaction.request.socket !== socket) return false
    const { to: server, change } = transaction.request
    if (change === undefined && !isSame(from, server)) return false
    if (kind === 'success' && mapped === undefined) return false
    this.#open.delete(id)
    if (mapped === undefined || kind === 'error') {
      const reason = `the server answered with error ${errorCode ?? 'without a code'}`
      this.#outputs.push({ type: 'failed', id, socket, server, reason })
      return true
    }
    this.#outputs.push({
      type: 'answer',
      id,
      socket,
      server,
      from,
      mapped,
      other,
      rttMs: now - transaction.startedAt,
      at: now,
    })
    return true
  }

  poll(now: number): TransactionOutput | undefined {
    const ready = this.#outputs.shift()
    if (ready) return ready
    for (const [id, transaction] of this.#open) {
      if (transaction.nextAt > now) continue
      const { socket, to } = transaction.request
      const waitMs = this.#waitsMs[transaction.sent]
      if (waitMs === undefined) {
        this.#open.delete(id)
        return { type: 'failed', id, socket, server: to, reason: 'no answer' }
      }
      transaction.sent++
      transaction.nextAt = now + waitMs
      return { type: 'send', id, socket, to, data: transaction.data }
    }
    return undefined
  }

  deadline(): number | undefined {
    let at: number | undefined
    for (const { nextAt } of this.#open.values()) if (at === undefined || nextAt < at) at = nextAt
    return at
  }
}

/** A transaction id as text: 24 hexadecimal digits. */
export function idText(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex')
}

function isSame(one: Address, two: Address): boolean {
  if (one.port !== two.port) return false
  if (one.ip === two.ip) return true
  return one.ip.includes(':') && two.ip.includes(':') && hostOf(one.ip) === hostOf(two.ip)
}

/** One text for all ways to write an IPv6 address. */
function hostOf(ip: string): string {
  return URL.canParse(`http://[${ip}]`) ? new URL(`http://[${ip}]`).hostname : ip
}
