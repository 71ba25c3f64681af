// A STUN server that strangers may ask (RFC 8489, the NAT tests of RFC 5780): which address it sees
// them at, from several sockets of one machine. It is no amplifier: an answer has at most 24
// bytes more than its request (48 over IPv6), so many a second to one address, so many in all.
//
// Departure from RFC 5780: CHANGE-REQUEST and RESPONSE-PORT are refused (420). Who can write any
// source address would make us send from ports and addresses that others may trust. The test which
// needs them is for clients that have logged in: they name a transaction over their session, and it
// is answered from elsewhere too, to where it came from. Sans-IO.

import { networkKey, type Address } from '../../lib/address.ts'
import { decodeStun, encodeStun } from './codec.ts'
import { RateLimit } from './rate-limit.ts'
import { idText } from './transaction.ts'

/**
 * The sockets of a server. `first` and `second` are two ports of one address; `third` is a port
 * that nobody is told of; `other` is on a second address.
 */
export type StunSocket = 'first' | 'second' | 'third' | 'other'

export interface ResponderOptions {
  /**
   * OTHER-ADDRESS in an answer from `socket`: another socket that answers, as the asker reaches it.
   * Undefined where there is none.
   */
  readonly otherAddress: (socket: StunSocket, from: Address) => Address | undefined
  /** An address of a client that has logged in: he is limited, but not by what strangers do. */
  readonly isKnown?: (ip: string) => boolean
}

export interface ResponderOutput {
  readonly socket: StunSocket
  readonly to: Address
  readonly data: Buffer
  /** With the first datagram of a filter test: its transaction. */
  readonly testId?: string
}

/** One asker, an IPv4 address or an IPv6 /64: a discovery takes about 25 at once. */
const PER_ASKER = { perSecond: 20, burst: 64 }
/** All strangers together; an answer costs about 15 us. */
const ALL_STRANGERS = { perSecond: 2_000, burst: 2_000 }
/** A carrier NAT may hide many clients of ours. */
const PER_KNOWN = { perSecond: 200, burst: 400 }

/** How long a transaction can be named for the filter test: longer than its way here differs. */
const REMEMBER_MS = 2_000
/** Of all transactions; with the limits above it is more than come in that time. */
const MAX_REMEMBERED = 8_192
/** Tests that were asked for before their transaction came. */
const MAX_WAITING = 1_024

/** MESSAGE-INTEGRITY, USERNAME and MESSAGE-INTEGRITY-SHA256 ask for nothing. */
const IGNORED: readonly number[] = [0x0006, 0x0008, 0x001c]
const CHANGE_REQUEST = 0x0003
const UNKNOWN_ATTRIBUTE = 420

/** After each `handle…` and command: poll until undefined. There is no deadline. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #askers = new RateLimit(PER_ASKER)
  readonly #strangers = new RateLimit(ALL_STRANGERS)
  readonly #known = new RateLimit(PER_KNOWN)
  readonly #outputs: ResponderOutput[] = []
  /** By transaction id; oldest first. */
  readonly #seen = new Map<string, { readonly from: Address; readonly at: number }>()
  readonly #waiting = new Map<string, number>()

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** What is no Binding request, or is too much, has no answer. */
  handleDatagram(socket: StunSocket, data: Buffer, from: Address, now: number): void {
    if (from.port === 0 || !this.#mayAsk(from.ip, now)) return
    const request = decodeStun(data)
    if (request?.kind !== 'request') return
    const { transactionId, change, required = [] } = request
    const isChange = change !== undefined && (change.ip || change.port)
    const unknown = [
      ...(isChange ? [CHANGE_REQUEST] : []),
      ...required.filter(type => !IGNORED.includes(type)),
    ]
    if (unknown.length > 0) {
      // Two of them fit into four bytes; the asker has had its answer with the first.
      const error = { kind: 'error', transactionId, errorCode: UNKNOWN_ATTRIBUTE } as const
      this.#send(socket, from, encodeStun({ ...error, unknown: unknown.slice(0, 2) }))
      return
    }
    this.#remember(idText(transactionId), from, now)
    const other = this.#options.otherAddress(socket, from)
    const answer = { kind: 'success', transactionId, mapped: from } as const
    this.#send(socket, from, encodeStun({ ...answer, ...(other && { other }) }))
  }

  /**
   * A client that has logged in wants this transaction answered by the sockets that it has not
   * asked, too. When its request is not there yet, that happens when it comes.
   */
  requestFilterTest(id: string, now: number): void {
    const seen = this.#seen.get(id)
    if (seen !== undefined && now - seen.at <= REMEMBER_MS) {
      this.#answerFromElsewhere(id, seen.from)
      return
    }
    this.#waiting.delete(id)
    this.#waiting.set(id, now)
    dropOldest(this.#waiting, MAX_WAITING)
  }

  poll(): ResponderOutput | undefined {
    return this.#outputs.shift()
  }

  #mayAsk(ip: string, now: number): boolean {
    const key = networkKey(ip)
    if (this.#options.isKnown?.(ip)) return this.#known.take(key, now)
    return this.#askers.take(key, now) && this.#strangers.take('', now)
  }

  #remember(id: string, from: Address, now: number): void {
    this.#seen.delete(id)
    this.#seen.set(id, { from, at: now })
    dropOldest(this.#seen, MAX_REMEMBERED)
    const askedAt = this.#waiting.get(id)
    if (askedAt === undefined) return
    this.#waiting.delete(id)
    if (now - askedAt <= REMEMBER_MS) this.#answerFromElsewhere(id, from)
  }

  #answerFromElsewhere(id: string, to: Address): void {
    const transactionId = Buffer.from(id, 'hex')
    const data = encodeStun({ kind: 'success', transactionId, mapped: to })
    this.#outputs.push({ socket: 'third', to, data, testId: id })
    this.#send('other', to, data)
  }

  #send(socket: StunSocket, to: Address, data: Buffer): void {
    this.#outputs.push({ socket, to, data })
  }
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  while (map.size > limit) {
    const oldest = map.keys().next()
    if (oldest.done) return
    map.delete(oldest.value)
  }
}
