// Sans-IO. What was sent and is not acknowledged: which segment is to be sent (again) now, and what
// acknowledgements say about those before them. Times in milliseconds.

import { distance } from './segment.ts'

/** So many later ones acknowledged mean that it is lost (frp: resend = 2). */
const LOST_AFTER = 2
/** Where nothing comes from the peer any more, no more than these are repeated at once. */
const SILENT_SEGMENTS = 16
/** Each time-out of one segment is so much longer than the last one. */
const BACKOFF = 1.5
const MAX_TIMEOUT_MS = 60_000

interface Slot {
  readonly sn: number
  readonly bytes: Buffer
  isAcknowledged: boolean
  /** Waits in `#due`. */
  isDue: boolean
  /** Later ones that were acknowledged since it was sent. */
  passed: number
  sentAt: number
  resendAt: number
  /** Of its time-out, which grows with each that passes. */
  backoff: number
  transmissions: number
}

export class SendWindow {
  readonly #size: number
  readonly #slots: (Slot | undefined)[]
  #una = 0
  #next = 0
  /** To be sent again. */
  #due: Slot[] = []
  /** Not later than the first time-out; looked up again when it comes. */
  #timeoutAt = Infinity
  #heardAt: number
  /** Of the datagram that is being read. */
  #acknowledged: number[] = []
  #latestTs = 0

  /** `size` in segments, a power of two. */
  constructor(size: number, now: number) {
    this.#size = size
    this.#slots = new Array<Slot | undefined>(size).fill(undefined)
    this.#heardAt = now
  }

  get inFlight(): number {
    return distance(this.#next, this.#una)
  }

  /** Something waits to be repeated. */
  get hasDue(): boolean {
    return this.#due.length > 0
  }

  get isEmpty(): boolean {
    return this.#next === this.#una
  }

  /** A new segment, which the caller sends at once. */
  add(bytes: Buffer, now: number, timeoutMs: number): number {
    const sn = this.#next
    this.#slots[sn & (this.#size - 1)] = {
      sn,
      bytes,
      isAcknowledged: false,
      isDue: false,
      passed: 0,
      sentAt: now,
      resendAt: now + timeoutMs,
      backoff: 1,
      transmissions: 1,
    }
    this.#next = (sn + 1) >>> 0
    this.#timeoutAt = Math.min(this.#timeoutAt, now + timeoutMs)
    return sn
  }

  /** The peer has everything before `una`. False where that is more than was sent. */
  handleUna(una: number, now: number): boolean {
    if (distance(una, this.#next) > 0) return false
    this.#heardAt = now
    while (distance(una, this.#una) > 0) this.#advance()
    return true
  }

  /** `ts`: when the acknowledged one was sent. Then `handleEnd` of the datagram. */
  handleAcknowledged(sn: number, ts: number): void {
    const slot = this.#slotOf(sn)
    if (slot === undefined || slot.isAcknowledged) return
    slot.isAcknowledged = true
    this.#acknowledged.push(sn)
    if (this.#acknowledged.length === 1 || distance(ts, this.#latestTs) > 0) this.#latestTs = ts
    while (this.#slotOf(this.#una)?.isAcknowledged === true) this.#advance()
  }

  /**
   * All of a datagram was told. `isTail`: nothing new is to be sent, so that one later segment has
   * to be sign enough.
   */
  handleEnd(isTail: boolean): void {
    const acknowledged = this.#acknowledged
    if (acknowledged.length === 0) return
    this.#acknowledged = []
    acknowledged.sort((a, b) => distance(b, a))
    const enough = isTail ? 1 : LOST_AFTER
    const lost: Slot[] = []
    let later = 0
    let sn = acknowledged[0] ?? 0
    for (; distance(sn, this.#una) >= 0; sn = (sn - 1) >>> 0) {
      if (sn === acknowledged[later]) {
        later++
        continue
      }
      const slot = this.#slotOf(sn)
      if (slot === undefined || slot.isAcknowledged || slot.isDue) continue
      // Those that were sent before it was repeated say nothing of the repetition.
      if (distance(Math.floor(slot.sentAt) >>> 0, this.#latestTs) > 0) continue
      slot.passed += slot.transmissions === 1 ? later : 1
      if (slot.passed >= enough) lost.push(slot)
    }
    for (const slot of lost.reverse()) this.#repeat(slot)
  }

  /** The next that is to be repeated; `handleSent` follows when it was. */
  nextDue(
    now: number,
    timeoutMs: number,
  ): { readonly sn: number; readonly bytes: Buffer } | undefined {
    if (this.#due.length === 0 && now >= this.#timeoutAt) this.#findTimeouts(now, timeoutMs)
    for (;;) {
      const slot = this.#due[0]
      if (slot === undefined || this.#slotOf(slot.sn) === slot) {
        if (slot?.isAcknowledged !== true) return slot
      }
      this.#due.shift()
    }
  }

  handleSent(now: number, timeoutMs: number): void {
    const slot = this.#due.shift()
    if (slot === undefined) return
    slot.isDue = false
    slot.passed = 0
    slot.sentAt = now
    slot.transmissions++
    this.#setTimeout(slot, now, timeoutMs)
  }

  /** Of the next time-out, or earlier; Infinity when nothing is in flight. */
  deadline(): number {
    return this.isEmpty ? Infinity : this.#timeoutAt
  }

  #findTimeouts(now: number, timeoutMs: number): void {
    this.#timeoutAt = Infinity
    const due: Slot[] = []
    for (let sn = this.#una; sn !== this.#next; sn = (sn + 1) >>> 0) {
      const slot = this.#slotOf(sn)
      if (slot === undefined || slot.isAcknowledged) continue
      if (slot.resendAt <= now) due.push(slot)
      else this.#timeoutAt = Math.min(this.#timeoutAt, slot.resendAt)
    }
    const isSilent = due.some(({ sentAt, transmissions }) => {
      return transmissions > 1 && sentAt > this.#heardAt
    })
    for (const [index, slot] of due.entries()) {
      slot.backoff *= BACKOFF
      if (isSilent && index >= SILENT_SEGMENTS) this.#setTimeout(slot, now, timeoutMs)
      else this.#repeat(slot)
    }
  }

  #setTimeout(slot: Slot, now: number, timeoutMs: number): void {
    slot.resendAt = now + Math.min(MAX_TIMEOUT_MS, timeoutMs * slot.backoff)
    this.#timeoutAt = Math.min(this.#timeoutAt, slot.resendAt)
  }

  #repeat(slot: Slot): void {
    slot.isDue = true
    this.#due.push(slot)
  }

  #slotOf(sn: number): Slot | undefined {
    const slot = this.#slots[sn & (this.#size - 1)]
    return slot?.sn === sn ? slot : undefined
  }

  #advance(): void {
    this.#slots[this.#una & (this.#size - 1)] = undefined
    this.#una = (this.#una + 1) >>> 0
  }
}
