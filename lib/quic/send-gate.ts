// How much bulk may be handed to quiche now: no more under way than the delay window allows, and
// not in bursts of more than a few milliseconds of the path's rate. What is held back here stays in
// the streams, where something interactive can still pass it.

import { activePath } from './active-path.ts'
import { DelayWindow } from './delay-window.ts'
import { ProbeRttGuard } from './probe-rtt.ts'
import type { Connection, PathStats } from './quiche-types.ts'

/** The part of quiche's connection that is read here. */
export type GatedConnection = Pick<Connection, 'pathStats' | 'streamCapacity' | 'streamSend'>

/** Reading quiche's figures takes 4 us: only so often where no bulk waits for them. */
const IDLE_SAMPLE_MS = 100
/** Timers fire 1-2 ms late; what was not sent by then is caught up. */
const BURST_MS = 4
const MIN_BURST_PACKETS = 4
/** A little faster than the window empties, so that pacing is never what limits. */
const PACE = 1.2
const STARTING_PACE = 2
/** Packets of quiche's window that bulk leaves to keystrokes, for when the window is small. */
const RESERVED_PACKETS = 2

/** Of bbr's window where somebody else fills the queue: all of it leaves cubic a fifth of the link. */
const COMPETING_SHARE = 0.75

const EMPTY: Buffer = Buffer.alloc(0)

export class SendGate {
  readonly #native: GatedConnection
  readonly #gaugeId: number
  #window: DelayWindow
  #probeRtt: ProbeRttGuard
  readonly #mss: number
  #isGaugeOpen = false
  #sampledAt = Number.NEGATIVE_INFINITY
  #wantedAt = Number.NEGATIVE_INFINITY
  #cwnd = 0
  #rttMs = 0
  #tokens = 0
  #filledAt = 0
  #pacedUntil: number | undefined

  /**
   * `gaugeId`: a unidirectional stream of ours with credit to spare. quiche tells nowhere what is
   * in flight, but the capacity of such a stream is what its congestion window has left.
   */
  constructor(native: GatedConnection, gaugeId: number, datagramBytes: number) {
    this.#native = native
    this.#gaugeId = gaugeId
    this.#mss = datagramBytes
    this.#window = new DelayWindow(datagramBytes)
    this.#probeRtt = new ProbeRttGuard(datagramBytes)
  }

  get window(): DelayWindow {
    return this.#window
  }

  /**
   * The packets go another way from now on: what they will meet there is not known, but as many as
   * were on the old way may be on the new one, in no larger bursts.
   */
  handleRoute(): void {
    this.#window = new DelayWindow(this.#mss, this.bytesInFlight())
    this.#probeRtt = new ProbeRttGuard(this.#mss)
  }

  /** To be called when packets have come. Returns quiche's figures when it looked at them. */
  handlePackets(now: number): PathStats | undefined {
    if (now - this.#sampledAt < this.#sampleMs(now)) return undefined
    const path = activePath(this.#native)
    if (!path) return undefined
    this.#sampledAt = now
    this.#cwnd = path.cwnd
    this.#rttMs = path.rtt
    this.#probeRtt.handleSample(now, path.cwnd, path.rtt)
    if (!this.#openGauge()) return path
    const { sentBytes, lostBytes, deliveryRate, rtt } = path
    const inFlight = this.#inFlight()
    this.#window.handleSample({ now, rttMs: rtt, deliveryRate, inFlight, sentBytes, lostBytes })
    return path
  }

  #sampleMs(now: number): number {
    return now - this.#wantedAt > IDLE_SAMPLE_MS ? IDLE_SAMPLE_MS : 0
  }

  /** Writing nothing makes the stream known to quiche and sends nothing. */
  #openGauge(): boolean {
    if (this.#isGaugeOpen) return true
    try {
      this.#native.streamSend(this.#gaugeId, EMPTY, false)
      this.#isGaugeOpen = true
    } catch {
      // The peer allows no unidirectional streams: without a gauge nothing is held back.
    }
    return this.#isGaugeOpen
  }

  /** Of this moment; opens the gauge where that has not been done. */
  bytesInFlight(): number {
    const path = activePath(this.#native)
    if (!path || !this.#openGauge()) return 0
    this.#cwnd = path.cwnd
    return this.#inFlight()
  }

  #inFlight(): number {
    try {
      return Math.max(0, this.#cwnd - this.#native.streamCapacity(this.#gaugeId))
    } catch {
      // The peer has stopped the stream.
      this.#isGaugeOpen = false
      return 0
    }
  }

  /** Bytes of bulk that may be written now; 0 when it has to wait. */
  budget(now: number): number {
    this.#pacedUntil = undefined
    this.#wantedAt = now
    if (!this.#isGaugeOpen) return Number.POSITIVE_INFINITY
    const inFlight = this.#inFlight()
    const room = this.#room(inFlight, now)
    // However small the windows are: no acknowledgement would come, and nobody would ask again.
    const isStuck = room === 0 && inFlight === 0 && this.#pacedUntil === undefined
    return isStuck ? this.#mss : room
  }

  #room(inFlight: number, now: number): number {
    if (this.#window.competes) {
      const room = COMPETING_SHARE * this.#cwnd - inFlight
      return room < this.#mss ? 0 : Math.floor(room)
    }
    if (this.#probeRtt.mustPause(now, this.#rttMs)) return 0
    const bound = Math.min(this.#window.bytes, this.#cwnd - RESERVED_PACKETS * this.#mss)
    const room = bound - inFlight
    const pace = this.#window.isStarting ? STARTING_PACE : PACE
    const bytesPerMs = (this.#window.bytes / Math.max(1, this.#rttMs)) * pace
    const burst = Math.max(bytesPerMs * BURST_MS, MIN_BURST_PACKETS * this.#mss)
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledAt) * bytesPerMs)
    this.#filledAt = now
    if (room < this.#mss) return 0
    if (this.#tokens >= room) return Math.floor(room)
    // What a burst leaves in the stream is asked for by time: where one burst is all that is under
    // way, one acknowledgement comes in a round trip, and bulk would wait for that.
    const isBurst = this.#tokens >= this.#mss
    this.#pacedUntil = now + (isBurst ? this.#mss : this.#mss - this.#tokens) / bytesPerMs
    return isBurst ? Math.floor(this.#tokens) : 0
  }

  handleSent(bytes: number): void {
    this.#tokens -= bytes
  }

  /**
   * When the pace alone bounded what `budget` said: the time to ask again. Otherwise
   * acknowledgements are awaited.
   */
  get pacedUntil(): number | undefined {
    return this.#pacedUntil
  }
}
