// Keeps bbr from emptying its window. quiche's bbr wants to see the path without a queue every 10 s
// and for that allows itself four packets for 200 ms: a transfer loses 3 %, and keystrokes beside
// it wait up to a round trip, for there is no room to send them. It lets that be when the
// connection starts anew from idle just then (quiche 0.18, bbr/per_ack.rs: idle_restart). So, when
// the time comes, bulk pauses for a round trip, and then sends one packet and awaits it. Sans-IO.

/** bbr's window at such a time, in packets, and the time after which it looks again. */
const PROBE_PACKETS = 4
const PERIOD_MS = 10_000
/** What is under way drains in one round trip; begin a little earlier. */
const LEAD_ROUND_TRIPS = 1.2
/** When nothing has come of it by then, bulk goes on. */
const PATIENCE_ROUND_TRIPS = 3

export class ProbeRttGuard {
  readonly #probeBytes: number
  #isProbing = false
  /** When bbr last knew the path's round trip to be fresh; unknown before its first look. */
  #freshAt: number | undefined

  /** `datagramBytes`: UDP payload. */
  constructor(datagramBytes: number) {
    this.#probeBytes = PROBE_PACKETS * datagramBytes
  }

  /** Acknowledgements have come; `cwnd` is quiche's window. */
  handleSample(now: number, cwnd: number, rttMs: number): void {
    if (cwnd === this.#probeBytes) {
      this.#isProbing = true
      return
    }
    const dueAt = this.#dueAt()
    // The look is over; or it was due, the connection had started anew, and bbr took that.
    if (this.#isProbing || (now >= dueAt && now < dueAt + PATIENCE_ROUND_TRIPS * rttMs)) {
      this.#freshAt = now
    }
    this.#isProbing = false
  }

  /** True while bulk may send one packet only, and that when nothing else is under way. */
  mustPause(now: number, rttMs: number): boolean {
    const dueAt = this.#dueAt()
    return (
      now >= dueAt - LEAD_ROUND_TRIPS * rttMs && now < dueAt + PATIENCE_ROUND_TRIPS * rttMs
    )
  }

  #dueAt(): number {
    return this.#freshAt === undefined ? Number.POSITIVE_INFINITY : this.#freshAt + PERIOD_MS
  }
}
