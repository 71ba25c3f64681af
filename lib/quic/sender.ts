// What the streams of one connection may hand to quiche, and in which order: interactive ones at
// once, bulk as far as the gate allows, each in turn.

import type { Connection } from './quiche-types.ts'
import { SecondCopies } from './second-copy.ts'
import { SendGate } from './send-gate.ts'
import type { QuicStream } from './stream.ts'
import type { Rank } from './traffic-class.ts'

/** quiche's urgencies: what was lost of bulk is sent again after what is interactive. */
const URGENCY: Readonly<Record<Rank, number>> = { 0: 127, 1: 200, 2: 220 }

export interface SenderOptions {
  /** See SendGate. */
  readonly gaugeId: number
  /** UDP payload. */
  readonly datagramBytes: number
  /** See config.ts. */
  readonly isNear: boolean
}

export class Sender {
  readonly #native: Connection
  readonly #options: SenderOptions
  /** Near paths have none. */
  #gate: SendGate | undefined
  /** Reads quiche's window where nothing is held back. */
  #gauge: SendGate | undefined
  readonly #copies = new SecondCopies()
  readonly #blocked = new Set<QuicStream>()
  readonly #urgencies = new WeakMap<QuicStream, number>()
  #timer: NodeJS.Timeout | undefined
  /** Something small and urgent was handed over since the last flush. */
  #isUrgent = false

  constructor(native: Connection, options: SenderOptions) {
    this.#native = native
    this.#options = options
    this.handleRoute(options.isNear)
  }

  /** The packets travel another way: its queue has to be found anew. */
  handleRoute(isNear: boolean): void {
    if (isNear) this.#gate = undefined
    else if (this.#gate) this.#gate.handleRoute()
    else this.#gate = this.#newGate()
    this.serve()
  }

  /** As far as quiche tells. */
  bytesInFlight(): number {
    return (this.#gate ?? (this.#gauge ??= this.#newGate())).bytesInFlight()
  }

  #newGate(): SendGate {
    const { gaugeId, datagramBytes } = this.#options
    return new SendGate(this.#native, gaugeId, datagramBytes)
  }

  /** Packets have come in. */
  handlePackets(now: number): void {
    const path = this.#gate?.handlePackets(now)
    if (path) this.#copies.handleLoss(path.lostBytes, now)
  }

  /** Bytes of `wanted` that `stream` may write now. */
  allowance(stream: QuicStream, wanted: number): number {
    if (!this.#gate) return wanted
    const now = performance.now()
    const { traffic } = stream
    if (traffic.mayPass(wanted, now)) {
      this.#isUrgent = true
      return wanted
    }
    const budget = this.#gate.budget(now)
    this.#armTimer(now)
    return Math.min(budget, wanted)
  }

  handleSent(stream: QuicStream, bytes: number): void {
    stream.traffic.handleSent(bytes)
    this.#gate?.handleSent(bytes)
    const urgency = URGENCY[stream.traffic.rank(performance.now())]
    if ((this.#urgencies.get(stream) ?? URGENCY[0]) === urgency) return
    this.#urgencies.set(stream, urgency)
    this.#native.streamPriority(stream.id, urgency, true)
  }

  /** `stream` has bytes that were not taken. */
  wait(stream: QuicStream): void {
    this.#blocked.add(stream)
  }

  forget(stream: QuicStream): void {
    this.#blocked.delete(stream)
  }

  /**
   * Only streams that wait are asked: quiche's own list has every stream with credit, which is all
   * idle ones too (a new connection beside 1,000 idle ones took 5-12 ms that way). Who is served
   * goes to the end of the line.
   */
  serve(): void {
    if (this.#blocked.size === 0) return
    const now = performance.now()
    const waiting: [QuicStream[], QuicStream[], QuicStream[]] = [[], [], []]
    for (const stream of this.#blocked) waiting[stream.traffic.rank(now)].push(stream)
    for (const stream of waiting[0]) this.#serveOne(stream)
    for (const stream of [...waiting[1], ...waiting[2]]) {
      // The rest of the line keeps its place.
      if (this.#gate && this.#gate.budget(now) <= 0) break
      this.#serveOne(stream)
    }
    this.#armTimer(now)
  }

  #serveOne(stream: QuicStream): void {
    this.#blocked.delete(stream)
    stream.flushWrites()
  }

  #armTimer(now: number): void {
    const at = this.#gate?.pacedUntil
    if (at === undefined || this.#timer) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.serve()
      },
      Math.max(1, Math.round(at - now)),
    )
  }

  /** New windows, above all: without them the peer stands still. */
  markUrgent(): void {
    this.#isUrgent = true
  }

  /** Asked for each flush's last datagram: does it leave twice? */
  takeCopy(bytes: number): boolean {
    const isUrgent = this.#isUrgent
    this.#isUrgent = false
    return isUrgent && this.#copies.take(bytes, performance.now())
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#blocked.clear()
  }
}
