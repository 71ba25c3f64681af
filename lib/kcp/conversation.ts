// Sans-IO. One KCP conversation over datagrams: bytes in, the same bytes out at the other end, with
// forward error correction (frp-wire.md section 1.6; written from the facts of xtaci/kcp-go, whose
// peers it speaks with). Nothing opens or ends it.
//
// After each `handleDatagram`, `write`, `read` and at `deadline` the driver polls until 0.
//
// What a kcp-go does otherwise, and no peer can tell but by the clock:
// - data leave when they are written and acknowledgements when a batch was read, not every 20 ms;
// - a window leaves over the round trip, not in a burst (pace.ts);
// - a datagram of acknowledgements only goes without a frame, so it takes no place in a group.

import { FEC_HEADER_BYTES, readFecHeader, FecType } from './fec-packet.ts'
import { FecDecoder } from './fec-decoder.ts'
import { FecEncoder } from './fec-encoder.ts'
import { Pace } from './pace.ts'
import { ReceiveWindow } from './receive-window.ts'
import { RoundTrip } from './round-trip.ts'
import {
  Command,
  distance,
  isAllSegments,
  newSegment,
  readSegment,
  SEGMENT_HEADER_BYTES,
  writeHeader,
} from './segment.ts'
import { SendWindow } from './send-window.ts'

export interface ConversationOptions {
  /** The same on both sides. */
  readonly conv: number
  /** In segments, powers of two. */
  readonly sendWindow: number
  readonly receiveWindow: number
}

/** frp's; of the segments in a datagram. */
const MTU_BYTES = 1_350
export const MAX_DATAGRAM_BYTES: number = FEC_HEADER_BYTES + MTU_BYTES
const MAX_BODY_BYTES: number = MTU_BYTES - SEGMENT_HEADER_BYTES
/** What a peer is taken to have room for before it says so. */
const FIRST_WINDOW = 32
/**
 * A peer without room is asked so soon, and then later and later: what it said when it had room
 * again may be lost. kcp-go begins with 7 s.
 */
const FIRST_PROBE_MS = 500
const MAX_PROBE_MS = 8_000

export class Conversation {
  readonly #options: ConversationOptions
  readonly #sent: SendWindow
  readonly #received: ReceiveWindow
  readonly #roundTrip = new RoundTrip()
  readonly #pace: Pace
  readonly #encoder = new FecEncoder(MAX_DATAGRAM_BYTES)
  readonly #decoder = new FecDecoder()
  readonly #segment = newSegment()
  #hasHeard = false
  /** Given by `write` and not yet cut into segments. */
  #pending: readonly Buffer[] = []
  #pendingIndex = 0
  #pendingOffset = 0
  #pendingBytes = 0
  #acknowledgements: number[] = []
  #peerWindow = FIRST_WINDOW
  #isTellDue = false
  #isAskDue = false
  #askAt = Infinity
  #askAfterMs = FIRST_PROBE_MS

  constructor(options: ConversationOptions, now: number) {
    this.#options = options
    this.#sent = new SendWindow(options.sendWindow, now)
    this.#received = new ReceiveWindow(options.receiveWindow)
    this.#pace = new Pace(now)
  }

  /** A datagram of this conversation has come. */
  get hasHeard(): boolean {
    return this.#hasHeard
  }

  /** Bytes for `read`. */
  get isReadable(): boolean {
    return this.#received.hasUnread
  }

  /** What `write` was given has been copied; more can be written. */
  get isWritten(): boolean {
    return this.#pendingBytes === 0
  }

  /** The peer has everything that was written. */
  get isAcknowledged(): boolean {
    return this.isWritten && this.#sent.isEmpty
  }

  /** `data` is lent. False where it is none of this conversation. */
  handleDatagram(data: Buffer, now: number): boolean {
    const header = readFecHeader(data)
    if (header === undefined) return this.#handleSegments(data, 0, now, true)
    const recovered = this.#decoder.handle(header, data)
    let isOurs = false
    if (header.type === FecType.data) {
      isOurs = this.#handleSegments(data, FEC_HEADER_BYTES, now, true)
    }
    for (const segments of recovered) this.#handleSegments(segments, 0, now, false)
    return isOurs
  }

  /** All that has come in order; the pieces are the caller's. */
  read(): Buffer[] {
    const hadRoom = this.#received.room > 0
    const taken = this.#received.take()
    // The peer has stopped, and nothing else would tell it to go on.
    if (!hadRoom) this.#isTellDue = true
    return taken
  }

  /** Takes `chunks` over until `isWritten`, which it must be before. */
  write(chunks: readonly Buffer[]): void {
    this.#pending = chunks
    this.#pendingIndex = this.#pendingOffset = 0
    for (const { length } of chunks) this.#pendingBytes += length
  }

  /**
   * Writes a datagram of at most MAX_DATAGRAM_BYTES to `target` at `start`; returns its length, or
   * 0 when there is nothing to send now.
   */
  pollTransmit(target: Buffer, start: number, now: number): number {
    const parityBytes = this.#encoder.pollParity(target, start)
    if (parityBytes > 0) return parityBytes
    const first = start + FEC_HEADER_BYTES
    const controlEnd = this.#writeControl(target, first, now)
    const end = this.#writeData(target, controlEnd, first + MTU_BYTES, now)
    if (end > controlEnd) {
      this.#encoder.frame(target, start, end - start, now)
      return end - start
    }
    target.copyWithin(start, first, controlEnd)
    return controlEnd - first
  }

  /** When to poll again; undefined for not before something happens. */
  deadline(): number | undefined {
    if (this.#sent.hasDue || this.#canAdd) return this.#pace.deadline()
    const at = Math.min(this.#sent.deadline(), this.isWritten ? Infinity : this.#askAt)
    return at === Infinity ? undefined : at
  }

  /** Nothing of a datagram counts unless all of it can be read. */
  #handleSegments(data: Buffer, start: number, now: number, isRegular: boolean): boolean {
    const { conv } = this.#options
    if (!isAllSegments(data, start, conv)) return false
    const segment = this.#segment
    let roundTripMs: number | undefined
    for (let at = start; at < data.length; ) {
      at = readSegment(data, at, conv, segment)
      if (!this.#sent.handleUna(segment.una, now)) return false
      // What was recovered is old.
      if (isRegular) this.#handleWindow(segment.window, now)
      switch (segment.command) {
        case Command.push: {
          const bytes = data.subarray(segment.start, segment.end)
          this.#received.handlePush(segment.sn, segment.ts, bytes)
          break
        }
        case Command.acknowledge:
          this.#sent.handleAcknowledged(segment.sn, segment.ts)
          roundTripMs = distance(stamp(now), segment.ts)
          break
        case Command.askWindow:
          this.#isTellDue = true
      }
    }
    this.#sent.handleEnd(this.isWritten)
    if (isRegular && roundTripMs !== undefined && roundTripMs >= 0) {
      this.#roundTrip.handleSample(roundTripMs)
    }
    this.#hasHeard = true
    return true
  }

  #handleWindow(window: number, now: number): void {
    this.#peerWindow = window
    if (window > 0) this.#askAt = Infinity
    else if (this.#askAt === Infinity) {
      this.#askAfterMs = FIRST_PROBE_MS
      this.#askAt = now + this.#askAfterMs
    }
  }

  /** Acknowledgements and what is said of windows. Returns where it ends. */
  #writeControl(target: Buffer, start: number, now: number): number {
    if (now >= this.#askAt && !this.isWritten) {
      this.#isAskDue = true
      this.#askAfterMs = Math.min(MAX_PROBE_MS, this.#askAfterMs * 2)
      this.#askAt = now + this.#askAfterMs
    }
    if (this.#received.hasAcknowledgements) {
      this.#acknowledgements.push(...this.#received.takeAcknowledgements())
    }
    let at = start
    const last = start + MTU_BYTES - SEGMENT_HEADER_BYTES
    const acknowledgements = this.#acknowledgements
    let done = 0
    for (; done < acknowledgements.length && at <= last; done += 2) {
      const [sn = 0, ts = 0] = [acknowledgements[done], acknowledgements[done + 1]]
      at = this.#writeSegment(target, at, { command: Command.acknowledge, sn, ts })
    }
    if (done > 0) acknowledgements.splice(0, done)
    if (this.#isTellDue && at <= last) {
      this.#isTellDue = false
      at = this.#writeSegment(target, at, { command: Command.tellWindow, sn: 0, ts: 0 })
    }
    if (this.#isAskDue && at <= last) {
      this.#isAskDue = false
      at = this.#writeSegment(target, at, { command: Command.askWindow, sn: 0, ts: 0 })
    }
    return at
  }

  /** As many segments as fit between `start` and `limit`; returns where they end. */
  #writeData(target: Buffer, start: number, limit: number, now: number): number {
    const { smoothedMs, timeoutMs } = this.#roundTrip
    let at = start
    for (;;) {
      const due = this.#sent.nextDue(now, timeoutMs)
      if (due === undefined && !this.#canAdd) return at
      const length = due?.bytes.length ?? Math.min(MAX_BODY_BYTES, this.#pendingBytes)
      if (at + SEGMENT_HEADER_BYTES + length > limit) return at
      if (this.#pace.allowance(now, this.#windowSegments, smoothedMs) < 1) return at
      this.#pace.handleSent()
      const bytes = due?.bytes ?? this.#takePending(length)
      const sn = due?.sn ?? this.#sent.add(bytes, now, timeoutMs)
      if (due !== undefined) this.#sent.handleSent(now, timeoutMs)
      const head = { command: Command.push, sn, ts: stamp(now) }
      at = this.#writeSegment(target, at, head, bytes)
    }
  }

  get #windowSegments(): number {
    return Math.min(this.#options.sendWindow, this.#peerWindow)
  }

  get #canAdd(): boolean {
    return this.#pendingBytes > 0 && this.#sent.inFlight < this.#windowSegments
  }

  #takePending(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let filled = 0; filled < length; ) {
      const chunk = this.#pending[this.#pendingIndex]
      if (chunk === undefined) break
      const copied = chunk.copy(bytes, filled, this.#pendingOffset)
      filled += copied
      this.#pendingOffset += copied
      if (this.#pendingOffset < chunk.length) continue
      this.#pendingIndex++
      this.#pendingOffset = 0
    }
    this.#pendingBytes -= length
    if (this.#pendingBytes === 0) this.#pending = []
    return bytes
  }

  #writeSegment(
    target: Buffer,
    at: number,
    { command, sn, ts }: { readonly command: number; readonly sn: number; readonly ts: number },
    bytes?: Buffer,
  ): number {
    const segment = this.#segment
    segment.command = command
    segment.window = Math.min(0xffff, this.#received.room)
    segment.ts = ts
    segment.sn = sn
    segment.una = this.#received.next
    segment.start = at + SEGMENT_HEADER_BYTES
    segment.end = segment.start + (bytes?.length ?? 0)
    writeHeader(target, at, this.#options.conv, segment)
    bytes?.copy(target, segment.start)
    return segment.end
  }
}

/** Of a segment: the time in whole milliseconds, which begins again after 49 days. */
function stamp(now: number): number {
  return Math.floor(now) >>> 0
}
