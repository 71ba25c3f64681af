// Two conversations and a link between them that loses, repeats, delays and reorders. Its time is
// its own: it goes from one thing that is due to the next, and one seed brings a run back.

import { Conversation, MAX_DATAGRAM_BYTES } from '../../lib/kcp/conversation.ts'
import type { Random } from '../support/random.ts'

export interface LinkOptions {
  readonly random: Random
  /** Of 100 datagrams. Default 0. */
  readonly lossPercent?: number
  readonly repeatPercent?: number
  /** Of each datagram, and what chance adds to it: later ones overtake. Default 10 and 0. */
  readonly delayMs?: number
  readonly jitterMs?: number
}

interface Flight {
  readonly at: number
  readonly to: End
  readonly datagram: Buffer
}

interface End {
  readonly conversation: Conversation
  readonly received: Buffer[]
  readonly toWrite: Buffer[]
  isReading: boolean
}

const OPTIONS = { conv: 1, sendWindow: 1_024, receiveWindow: 1_024 }
/** Longer than a megabyte takes with the worst link of the tests. */
const LIMIT_MS = 600_000

export class LossyPair {
  now = 0
  readonly ends: readonly [End, End]
  readonly sent: [number, number] = [0, 0]
  /** Sees each datagram before the link does. */
  onDatagram: ((datagram: Buffer, from: 0 | 1) => void) | undefined
  readonly #options: LinkOptions
  #flights: Flight[] = []

  constructor(options: LinkOptions, conversation: Partial<typeof OPTIONS> = {}) {
    this.#options = options
    const end = (): End => ({
      conversation: new Conversation({ ...OPTIONS, ...conversation }, 0),
      received: [],
      toWrite: [],
      isReading: true,
    })
    this.ends = [end(), end()]
  }

  write(from: 0 | 1, bytes: Buffer): void {
    this.ends[from].toWrite.push(bytes)
  }

  received(end: 0 | 1): Buffer {
    return Buffer.concat(this.ends[end].received)
  }

  /** Until `isDone`, or nothing happens any more, or the limit. */
  run(isDone: () => boolean = () => false): void {
    for (;;) {
      this.#drain(0)
      this.#drain(1)
      if (isDone() || this.now > LIMIT_MS) return
      const next = Math.min(this.#flights[0]?.at ?? Infinity, this.#deadline())
      if (next === Infinity) return
      this.now = Math.max(next, this.now)
      while ((this.#flights[0]?.at ?? Infinity) <= this.now) {
        const flight = this.#flights.shift()
        flight?.to.conversation.handleDatagram(flight.datagram, this.now)
      }
      for (const { conversation, received, isReading } of this.ends) {
        if (isReading && conversation.isReadable) received.push(...conversation.read())
      }
    }
  }

  #deadline(): number {
    return Math.min(...this.ends.map(({ conversation }) => conversation.deadline() ?? Infinity))
  }

  #drain(index: 0 | 1): void {
    const { conversation, toWrite } = this.ends[index]
    const target = Buffer.alloc(MAX_DATAGRAM_BYTES)
    for (;;) {
      if (conversation.isWritten && toWrite.length > 0) conversation.write(toWrite.splice(0))
      const length = conversation.pollTransmit(target, 0, this.now)
      if (length === 0 && (toWrite.length === 0 || !conversation.isWritten)) return
      if (length > 0) this.#send(index, Buffer.from(target.subarray(0, length)))
    }
  }

  #send(from: 0 | 1, datagram: Buffer): void {
    const { random, lossPercent = 0, repeatPercent = 0, delayMs = 10, jitterMs = 0 } = this.#options
    this.sent[from]++
    this.onDatagram?.(datagram, from)
    const copies = random.below(100) < repeatPercent ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (random.below(100) < lossPercent) continue
      const at = this.now + delayMs + (jitterMs > 0 ? random.below(jitterMs) : 0)
      const index = this.#flights.findLastIndex(flight => flight.at <= at) + 1
      this.#flights.splice(index, 0, { at, to: this.ends[from === 0 ? 1 : 0], datagram })
    }
  }
}
