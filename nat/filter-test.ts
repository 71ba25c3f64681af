// What a NAT lets in: an answer from a port, or an address, that its socket never sent to. Of a
// server of ours it is asked for over the control channel; a foreign one of RFC 5780 is asked with
// CHANGE-REQUEST, and what it leaves unanswered counts only if it says that it has such an address.
// The socket must have sent nothing to other addresses of the server. Sans-IO.

import { Transactions, idText, type StunMessage } from './stun/index.ts'
import type { FilterEvidence } from './classify.ts'
import { isSameAddress, isSameIp } from './ip.ts'
import type { StunServer } from './discovery.ts'
import type { Address } from '../lib/address.ts'

/** From where frps has sent an answer. */
export interface FilterTestReply {
  readonly fromOtherPort: boolean
  readonly fromOtherIp: boolean
}

export type FilterTestOutput =
  | { readonly type: 'send'; readonly socket: number; readonly to: Address; readonly data: Buffer }
  /** Over the control channel; answered by `handleReply`. */
  | { readonly type: 'ask-filter-test'; readonly transactionId: string }

/** frps is asked again in case that its datagrams are lost. */
const ASK_AT_MS: readonly number[] = [0, 150, 300]
/** After the last one was sent, for its way here. */
const MIN_WAIT_MS = 200
const WAITS_MS: readonly number[] = [100, 100, 150, 200]
/** What a transaction says that nobody answered; anything else is the server's own error. */
const NO_ANSWER = 'no answer'
/** Without any word from frps or the server. */
const TIMEOUT_MS = 2_000

export class FilterTest {
  readonly #server: StunServer | undefined
  readonly #transactions: Transactions
  #socket: number | undefined
  #startedAt = 0
  #plainId = ''
  #changeIpId = ''
  #changePortId = ''
  #asked = 0
  #isReplied = false
  #isRefused = false
  #sentAt: number | undefined
  #rttMs = 0
  /** What the server is able to do. */
  #sends = { port: false, ip: false }
  #came = { port: false, ip: false }
  #isHeard = false
  #refusesChange = false
  #isOver = false

  constructor(options: {
    readonly random: (bytes: number) => Uint8Array
    readonly server: StunServer | undefined
  }) {
    this.#server = options.server
    this.#transactions = new Transactions({ random: options.random, waitsMs: WAITS_MS })
  }

  get socket(): number | undefined {
    return this.#socket
  }

  begin(socket: number, now: number): void {
    const { address: to, hasFilterTest = false } = this.#server ?? {}
    if (to === undefined || this.#socket !== undefined) return
    this.#socket = socket
    this.#startedAt = now
    this.#plainId = this.#transactions.start({ socket, to }, now)
    if (hasFilterTest) return
    const start = (change: { ip: boolean; port: boolean }): string =>
      this.#transactions.start({ socket, to, change }, now)
    this.#changeIpId = start({ ip: true, port: true })
    this.#changePortId = start({ ip: false, port: true })
  }

  /** `reply` undefined: frps cannot do it. */
  handleReply(reply: FilterTestReply | undefined, now: number): void {
    if (reply === undefined) {
      this.#isRefused = true
      return
    }
    this.#isReplied = true
    this.#sentAt = now
    // It answers only what it has heard.
    if (reply.fromOtherPort || reply.fromOtherIp) this.#isHeard = true
    this.#sends = {
      port: this.#sends.port || reply.fromOtherPort,
      ip: this.#sends.ip || reply.fromOtherIp,
    }
  }

  /** Shortest round trip to the server that was seen. */
  handleRoundTrip(rttMs: number): void {
    this.#rttMs = rttMs
  }

  /** True when it was the test's. */
  handleMessage(socket: number, message: StunMessage, from: Address, now: number): boolean {
    const server = this.#server?.address
    if (socket !== this.#socket || server === undefined) return false
    const isAsked = idText(message.transactionId) === this.#plainId && message.kind === 'success'
    if (isAsked && !isSameAddress(from, server)) {
      this.#handleElsewhere(from, server)
      return true
    }
    return this.#transactions.handleMessage(socket, message, from, now)
  }

  poll(now: number): FilterTestOutput | undefined {
    if (this.#socket === undefined || this.#isOver) return undefined
    for (;;) {
      const output = this.#transactions.poll(now)
      if (output === undefined) break
      if (output.type === 'send') {
        const { socket, to, data } = output
        return { type: 'send', socket, to, data }
      }
      if (output.type === 'answer') this.#handleAnswer(output.id, output.from, output.other)
      else if (output.id !== this.#plainId) this.#handleFailure(output.reason)
    }
    const askAt = this.#askAt()
    if (askAt !== undefined && now >= askAt) {
      this.#asked++
      return { type: 'ask-filter-test', transactionId: this.#plainId }
    }
    this.#isOver = this.#isFound() || now >= this.#endsAt()
    return undefined
  }

  deadline(): number | undefined {
    if (this.#socket === undefined || this.#isOver) return undefined
    const deadlines = [this.#transactions.deadline(), this.#askAt(), this.#endsAt()]
    return Math.min(...deadlines.filter(at => at !== undefined))
  }

  evidence(): FilterEvidence {
    const { port, ip } = this.#came
    // What did not come before the end says nothing.
    const isSaid = this.#isOver && this.#isHeard && !this.#refusesChange
    const missing = (sends: boolean): false | undefined => (isSaid && sends ? false : undefined)
    return {
      otherPort: port || missing(this.#sends.port),
      otherIp: ip || missing(this.#sends.ip),
    }
  }

  #handleElsewhere(from: Address, server: Address): void {
    this.#isHeard = true
    if (isSameIp(from.ip, server.ip)) this.#came.port = true
    else this.#came.ip = true
  }

  #handleAnswer(id: string, from: Address, other: Address | undefined): void {
    const server = this.#server?.address
    if (server === undefined) return
    if (id !== this.#plainId) {
      // Who does not know CHANGE-REQUEST answers from where it was asked.
      if (isSameAddress(from, server)) this.#refusesChange = true
      else this.#handleElsewhere(from, server)
      return
    }
    this.#isHeard = true
    if (this.#server?.hasFilterTest || other === undefined) return
    this.#sends = { port: other.port !== server.port, ip: !isSameIp(other.ip, server.ip) }
  }

  /** frps of ours refuses CHANGE-REQUEST from strangers, though it has a second address. */
  #handleFailure(reason: string): void {
    if (reason !== NO_ANSWER) this.#refusesChange = true
  }

  #askAt(): number | undefined {
    if (!this.#server?.hasFilterTest || this.#isRefused || this.#isFound()) return undefined
    const delayMs = ASK_AT_MS[this.#asked]
    return delayMs === undefined ? undefined : this.#startedAt + delayMs
  }

  #isFound(): boolean {
    const { port, ip } = this.#came
    return ip || (port && this.#isReplied && !this.#sends.ip)
  }

  #endsAt(): number {
    const lastAt = this.#startedAt + TIMEOUT_MS
    if (this.#isRefused && !this.#isReplied) return this.#startedAt
    if (!this.#server?.hasFilterTest) {
      const isWaiting = [this.#plainId, this.#changeIpId, this.#changePortId].some(id =>
        this.#transactions.isOpen(id),
      )
      return isWaiting ? lastAt : this.#startedAt
    }
    if (this.#asked < ASK_AT_MS.length || this.#sentAt === undefined) return lastAt
    return Math.min(lastAt, this.#sentAt + Math.max(MIN_WAIT_MS, 1.5 * this.#rttMs))
  }
}
