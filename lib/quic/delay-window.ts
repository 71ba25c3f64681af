// How many bytes of bulk may be under way, found from the delay that they cause. Neither of
// quiche's own controllers does what a tunnel needs: cubic takes each random loss for a full queue
// (50 Mbit/s, 50 ms, 1 % loss: 8 Mbit/s), bbr fills the queue up to twice the path (keystrokes
// beside it: +45 ms). So bbr runs with its wide window, and this narrower one stands before it. It
// ends where the queue begins, as FAST TCP does (RFC 9743 lists the family), and takes no notice of
// loss up to a bound. Where somebody else keeps the queue full it steps aside for bbr. Sans-IO.

/** What is known of the active path at one moment. */
export interface PathSample {
  readonly now: number
  /** Smoothed round-trip time; quiche tells whole milliseconds. */
  readonly rttMs: number
  /** Bytes per second that the last acknowledgements proved. */
  readonly deliveryRate: number
  readonly inFlight: number
  /** Bytes, since the connection began. */
  readonly sentBytes: number
  readonly lostBytes: number
}

/** Datagrams: what quiche starts with is less, so the start is never held back here. */
const INITIAL_PACKETS = 32
/** Fewer cannot keep the acknowledgements coming. */
const MIN_PACKETS = 8
/**
 * Delay that bulk may add: enough to keep a link busy between two acknowledgements, little beside a
 * round trip.
 */
const ALLOWED_DELAY_MS = 5
const ALLOWED_SHARE = 0.1
/** A single late batch of acknowledgements is noise of a busy machine; this long is a queue. */
const LATE_MS = 8
/** The window is in use when this share of it was under way. */
const USED_SHARE = 0.8
/** Growth per round where nothing waits; it doubles with each such round, up to slow start's. */
const FIRST_GROWTH = 0.05
const MAX_GROWTH = 1
/** A queue that stays though the window shrank to this, with a rate that fell as much, is not ours. */
const YIELDED_SHARE = 0.7
const FALLEN_RATE = 0.85
/** More loss than this in a round of some size is a queue too short to show as delay. */
const LOSS_BOUND = 0.15
const LOSS_MIN_PACKETS = 30
const LOSS_DECREASE = 0.85

export class DelayWindow {
  readonly #mss: number
  readonly #leastRtt = new WindowedMinimum()
  #bytes: number
  #isStarting = true
  #competes = false
  #sampledAt: number | undefined
  #onTimeAt = 0
  #growth = FIRST_GROWTH
  /** Where the window and the rate stood when the queue did not go away. */
  #crowded: { bytes: number; rate: number } | undefined
  #round: Round | undefined
  #lastRate = 0

  /** `datagramBytes`: UDP payload. */
  constructor(datagramBytes: number) {
    this.#mss = datagramBytes
    this.#bytes = INITIAL_PACKETS * datagramBytes
  }

  /** Bytes of bulk that may be under way. */
  get bytes(): number {
    return this.#bytes
  }

  get isStarting(): boolean {
    return this.#isStarting
  }

  /** Somebody else fills the queue: holding back would only leave him the link. */
  get competes(): boolean {
    return this.#competes
  }

  /** The path's round-trip time without a queue, as far as it was seen; infinite at first. */
  get leastRttMs(): number {
    return this.#leastRtt.value
  }

  handleSample(sample: PathSample): void {
    const { now, rttMs } = sample
    this.#leastRtt.add(now, rttMs)
    const round = (this.#round ??= newRound(sample))
    round.inFlight = Math.max(round.inFlight, sample.inFlight)
    round.rate = Math.max(round.rate, sample.deliveryRate)
    round.rttMs = Math.min(round.rttMs, rttMs)
    const allowed = this.#allowedMs()
    if (rttMs - this.leastRttMs <= allowed) this.#onTimeAt = now
    const isUsed = round.inFlight >= USED_SHARE * this.#bytes
    if (this.#isStarting && isUsed) this.#start(sample, round, allowed)
    this.#sampledAt = now
    if (now < round.endsAt) return
    if (!this.#isStarting) this.#steer(sample, round, isUsed, allowed)
    this.#lastRate = round.rate
    this.#round = newRound(sample)
  }

  #allowedMs(): number {
    return Math.max(ALLOWED_DELAY_MS, this.leastRttMs * ALLOWED_SHARE)
  }

  /** Slow start: doubles with each round trip, until a queue has stood for a while. */
  #start({ now, rttMs }: PathSample, round: Round, allowed: number): void {
    const elapsed = Math.min(now - (this.#sampledAt ?? now), rttMs)
    this.#bytes *= 2 ** (elapsed / Math.max(1, rttMs))
    if (now - this.#onTimeAt <= LATE_MS) return
    this.#isStarting = false
    const proven = this.#bytesAt(Math.max(round.rate, this.#lastRate), allowed)
    this.#bytes = this.#bounded(Math.min(this.#bytes, proven))
  }

  #steer(sample: PathSample, round: Round, isUsed: boolean, allowed: number): void {
    const delay = sample.rttMs - this.leastRttMs
    const leastDelay = round.rttMs - this.leastRttMs
    if (this.#competes) {
      if (leastDelay > allowed) return
      this.#competes = false
      this.#crowded = undefined
      this.#bytes = this.#bounded(this.#bytesAt(round.rate, allowed))
      return
    }
    if (this.#isCrowdedOut(leastDelay > 1.5 * allowed, round.rate)) return
    const sent = sample.sentBytes - round.sentBytes
    const lost = sample.lostBytes - round.lostBytes
    if (sent > LOSS_MIN_PACKETS * this.#mss && lost > LOSS_BOUND * sent) {
      this.#growth = FIRST_GROWTH
      this.#bytes = this.#bounded(Math.max(this.#bytes * LOSS_DECREASE, this.#bytesAt(round.rate, 0)))
    } else if (delay <= allowed / 4) {
      if (!isUsed) return
      this.#bytes *= 1 + this.#growth
      this.#growth = Math.min(MAX_GROWTH, 2 * this.#growth)
    } else {
      this.#growth = FIRST_GROWTH
      if (!isUsed && delay <= allowed) return
      // Half the way to the window that would cause just the allowed delay.
      const wanted = (this.#bytes * (this.leastRttMs + allowed)) / sample.rttMs
      this.#bytes = this.#bounded((this.#bytes + wanted) / 2)
    }
  }

  /**
   * Our own queue drains when we hold back, and what is delivered stays the same. Somebody else's
   * stays, and we get less.
   */
  #isCrowdedOut(isCrowded: boolean, rate: number): boolean {
    if (!isCrowded) {
      this.#crowded = undefined
      return false
    }
    this.#crowded ??= { bytes: this.#bytes, rate }
    const { bytes } = this.#crowded
    if (this.#bytes > YIELDED_SHARE * bytes) return false
    this.#competes = rate < FALLEN_RATE * this.#crowded.rate
    this.#crowded = { bytes: this.#bytes, rate }
    if (this.#competes) this.#bytes = bytes
    return this.#competes
  }

  #bytesAt(rate: number, delayMs: number): number {
    return (rate * (this.leastRttMs + delayMs)) / 1000
  }

  #bounded(bytes: number): number {
    return Math.max(bytes, MIN_PACKETS * this.#mss)
  }
}

interface Round {
  readonly endsAt: number
  readonly sentBytes: number
  readonly lostBytes: number
  /** Most of these two, least of the last, of all samples of the round. */
  inFlight: number
  rate: number
  rttMs: number
}

function newRound({ now, rttMs, sentBytes, lostBytes }: PathSample): Round {
  const endsAt = now + rttMs
  return { endsAt, sentBytes, lostBytes, inFlight: 0, rate: 0, rttMs: Number.POSITIVE_INFINITY }
}

/**
 * The least value of the last 10-20 s. bbr empties the queue every 10 s, so that a standing queue
 * is not taken for the path.
 */
class WindowedMinimum {
  #current = Number.POSITIVE_INFINITY
  #previous = Number.POSITIVE_INFINITY
  #turnsAt = Number.NEGATIVE_INFINITY

  get value(): number {
    return Math.min(this.#current, this.#previous)
  }

  add(now: number, value: number): void {
    if (now >= this.#turnsAt) {
      this.#previous = this.#current
      this.#current = Number.POSITIVE_INFINITY
      this.#turnsAt = now + 10_000
    }
    this.#current = Math.min(this.#current, value)
  }
}
