// Sans-IO. Which stream sends its next frame. Streams take turns of one frame. Those with little to
// send go before the others, so that a keystroke does not wait for a round of bulk transfers.

import type { StreamPriority } from '../transport/transport.ts'

/** The links and the mark belong to the queue. */
export interface Sender {
  nextSender: Sender | undefined
  isQueued: boolean
  /** `auto`: by what it has to send. */
  readonly priority: StreamPriority
}

/**
 * What counts as little: messages of the control stream, a terminal's output, the first bytes of a
 * request.
 */
const SMALL_BYTES = 4096

/** After so many small turns one of the others: small writes without end must not starve them. */
const SMALL_IN_A_ROW = 8

export class SendQueue<T extends Sender> {
  readonly #small = new Line<T>()
  readonly #bulk = new Line<T>()
  #smallInRow = 0

  get isEmpty(): boolean {
    return this.#small.isEmpty && this.#bulk.isEmpty
  }

  /** Puts a stream at the end of its line; one that is in a line stays where it is. */
  add(sender: T, pendingBytes: number): void {
    if (sender.isQueued) return
    const { priority } = sender
    const isSmall = priority === 'auto' ? pendingBytes <= SMALL_BYTES : priority === 'interactive'
    const line = isSmall ? this.#small : this.#bulk
    line.push(sender)
  }

  next(): T | undefined {
    const isBulkDue = this.#smallInRow >= SMALL_IN_A_ROW && !this.#bulk.isEmpty
    const sender = isBulkDue ? undefined : this.#small.shift()
    if (sender) {
      this.#smallInRow++
      return sender
    }
    this.#smallInRow = 0
    return this.#bulk.shift()
  }
}

/**
 * First in, first out, linked through the senders: no allocation and no cost that grows with the
 * length.
 */
class Line<T extends Sender> {
  #first: T | undefined
  #last: T | undefined

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  push(sender: T): void {
    sender.isQueued = true
    if (this.#last) this.#last.nextSender = sender
    else this.#first = sender
    this.#last = sender
  }

  shift(): T | undefined {
    const sender = this.#first
    if (!sender) return undefined
    // Only senders of this line are linked to each other, so the link has its type.
    this.#first = sender.nextSender as T | undefined
    if (!this.#first) this.#last = undefined
    sender.nextSender = undefined
    sender.isQueued = false
    return sender
  }
}
