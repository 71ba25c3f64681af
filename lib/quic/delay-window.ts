// How many bytes of bulk may be under way, found from the delay that they cause. Neither of
// quiche's own controllers does what a tunnel needs: cubic takes each random loss for a full queue
// (50 Mbit/s, 50 ms, 1 % loss: 8 Mbit/s), bbr fills the queue up to twice the path (keystrokes
// beside it: +45 ms). So bbr runs with its wide window, and this narrower one stands before it. It
// ends where the queue begins, as FAST TCP does (RFC 9743 lists the family), and takes no notice of
// loss up to a bound. Where somebody else keeps the queue full it steps aside for bbr. Sans-IO.

import { WindowedMaximum, WindowedMinimum } from './windowed.ts'

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
const ALLOWED_DELAY_MS = 2
const ALLOWED_SHARE = 0.05
const MAX_ALLOWED_DELAY_MS = 25
/** What stays above this is a queue, whosever it is; less may be the machine. */
const QUEUE_DELAY_MS = 5
/**
 * Delays that come and go within a round trip are the path's (Wi-Fi, mobile), not a queue's: they
 * are allowed on top, beyond what rounding and a busy machine make, smoothed over rounds, up to a
 * bound.
 */
const NOISE_MS = 2
const MAX_JITTER_MS = 60
const JITTER_GAIN = 0.05
const JITTER_FACTOR = 1.5
/** A single late batch of acknowledgements is noise of a busy machine; this long is a queue. */
const LATE_MS = 8
/** The window is in use when this share of it was under way. */
const USED_SHARE = 0.8
/** Growth per round where nothing waits; it doubles with each such round, up to slow start's. */
const FIRST_GROWTH = 0.05
const MAX_GROWTH = 1
/**
 * What was delivered within this time is what the path can do: a window that carries it over the
 * least round trip causes no queue, and is never taken away.
 */
const PROVEN_MS = 500
const PROVEN_ROUND_TRIPS = 8
/**
 * Where jitter hides what a queue does, the rate has to tell: so much more is tried for two round
 * trips, and kept where most of it arrives.
 */
const PROBE_SHARE = 0.2
const PAID_SHARE = 0.75
const PROBE_PAUSE_ROUNDS = 6
/**
 * A probe that fails is a queue for nothing. The pause grows with each, for as long as the rate
 * that it found to be all stays about the same; not where jitter hides the queue from everybody.
 */
const PROBE_PAUSE_GROWTH = 3
const MAX_PROBE_PAUSE_ROUNDS = 192
const SAME_RATE = 0.9
const PROBE_JITTER_MS = 2
/**
 * So many times a queue's delay, and never less for so long though we hold back, is somebody
 * else's.
 */
const CROWDED_MS = 3000
const CROWDED_ROUND_TRIPS = 24
const CROWDED_DELAYS = 2
/** More loss than this in a round of some size is a queue too short to show as delay. */
const LOSS_BOUND = 0.15
const LOSS_MIN_PACKETS = 30
const LOSS_DECREASE = 0.85

export class DelayWindow {
  readonly #mss: number
  readonly #leastRtt = new WindowedMinimum()
  readonly #bestRate = new WindowedMaximum()
  #bytes: number
  #isStarting = true
  #competes = false
  #growth = FIRST_GROWTH
  #jitterMs = 0
  #probe: { readonly bytes: number; readonly rate: number; isFed: boolean } | undefined
  #roundsSinceProbe = Number.POSITIVE_INFINITY
  #probePauseRounds = PROBE_PAUSE_ROUNDS
  /** When the last probe failed. */
  #fullRate = 0
  #round: Round | undefined
  #sampledAt: number | undefined
  /** When the delay was last an allowed one, and when it was last not a crowd's. */
  #onTimeAt = 0
  #uncrowdedAt = 0

  /** `datagramBytes`: UDP payload. `underWay`: what is on the way already is not stopped. */
  constructor(datagramBytes: number, underWay = 0) {
    this.#mss = datagramBytes
    this.#bytes = Math.max(INITIAL_PACKETS * datagramBytes, underWay)
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
    this.#bestRate.add(now, sample.deliveryRate, this.#provenMs())
    round.rttMs = Math.min(round.rttMs, rttMs)
    round.worstRttMs = Math.max(round.worstRttMs, rttMs)
    const allowed = this.#allowedMs()
    if (rttMs - this.leastRttMs <= allowed) this.#onTimeAt = now
    const isUsed = round.inFlight >= USED_SHARE * this.#bytes
    if (this.#isStarting && isUsed) this.#start(sample, allowed)
    this.#sampledAt = now
    if (now < round.endsAt) return
    this.#noteJitter(round)
    if (!this.#isStarting) this.#steer(sample, round, isUsed, allowed)
    this.#round = newRound(sample)
  }

  #allowedMs(): number {
    return this.#allowedQueueMs() + this.#jitterMs
  }

  #allowedQueueMs(): number {
    const share = Math.min(MAX_ALLOWED_DELAY_MS, this.leastRttMs * ALLOWED_SHARE)
    return Math.max(ALLOWED_DELAY_MS, share)
  }

  #noteJitter(round: Round): void {
    // A delay that did not go away within the round is a queue.
    const isQueue = round.rttMs - this.leastRttMs > QUEUE_DELAY_MS + this.#jitterMs
    const spread = isQueue ? 0 : round.worstRttMs - round.rttMs - NOISE_MS
    const wanted = Math.min(MAX_JITTER_MS, Math.max(0, JITTER_FACTOR * spread))
    this.#jitterMs += (wanted - this.#jitterMs) * JITTER_GAIN
  }

  /** Slow start: doubles with each round trip, until a queue has stood for a while. */
  #start({ now, rttMs }: PathSample, allowed: number): void {
    const elapsed = Math.min(now - (this.#sampledAt ?? now), rttMs)
    const grown = this.#bytes * 2 ** (elapsed / Math.max(1, rttMs))
    // Twice what has been proven a round trip ago is what doubling means; more only overshoots.
    this.#bytes = Math.max(this.#bytes, Math.min(grown, 2 * this.#proven(allowed)))
    if (now - this.#onTimeAt <= LATE_MS) return
    this.#isStarting = false
    this.#uncrowdedAt = now
    this.#bytes = Math.min(this.#bytes, this.#bounded(this.#proven(allowed)))
  }

  #steer(sample: PathSample, round: Round, isUsed: boolean, allowed: number): void {
    const delay = sample.rttMs - this.leastRttMs
    const leastDelay = round.rttMs - this.leastRttMs
    const queue = Math.max(QUEUE_DELAY_MS, this.#allowedQueueMs())
    if (leastDelay <= CROWDED_DELAYS * queue + this.#jitterMs) this.#uncrowdedAt = sample.now
    if (this.#competes) {
      if (leastDelay > queue + this.#jitterMs) return
      this.#competes = false
      this.#bytes = this.#bounded(this.#proven(allowed))
      return
    }
    const crowdedMs = Math.max(CROWDED_MS, CROWDED_ROUND_TRIPS * this.leastRttMs)
    this.#competes = sample.now - this.#uncrowdedAt > crowdedMs
    if (this.#tryMore(round, isUsed)) return
    const sent = sample.sentBytes - round.sentBytes
    const lost = sample.lostBytes - round.lostBytes
    const isLossy = sent > LOSS_MIN_PACKETS * this.#mss && lost > LOSS_BOUND * sent
    if (delay > allowed) {
      // Half the way to the window that would cause just the allowed delay.
      const wanted = (this.#bytes * (this.leastRttMs + allowed)) / sample.rttMs
      this.#growth = FIRST_GROWTH
      this.#bytes = this.#bounded((this.#bytes + wanted) / 2)
    } else if (isLossy) {
      this.#growth = FIRST_GROWTH
      this.#bytes = this.#bounded(this.#bytes * LOSS_DECREASE)
    } else if (isUsed) {
      if (delay > allowed / 4) this.#growth = FIRST_GROWTH
      // The nearer to the allowed delay, the slower.
      this.#bytes *= 1 + this.#growth * (1 - delay / allowed)
      this.#growth = Math.min(MAX_GROWTH, 2 * this.#growth)
    }
  }

  /** True while a probe runs: the window is left alone. */
  #tryMore(round: Round, isUsed: boolean): boolean {
    const probe = this.#probe
    if (probe) {
      if (!probe.isFed) {
        probe.isFed = true
        return true
      }
      const hasPaid = round.rate >= probe.rate * (1 + PROBE_SHARE * PAID_SHARE)
      this.#probe = undefined
      this.#roundsSinceProbe = hasPaid ? Number.POSITIVE_INFINITY : 0
      if (hasPaid) this.#probePauseRounds = PROBE_PAUSE_ROUNDS
      else this.#failProbe(probe)
      return true
    }
    this.#roundsSinceProbe++
    if (this.#jitterMs < PROBE_JITTER_MS || !isUsed) return false
    const isSame = this.#bestRate.value > this.#fullRate * SAME_RATE
    const pause = isSame ? this.#probePauseRounds : PROBE_PAUSE_ROUNDS
    if (this.#roundsSinceProbe <= pause) return false
    this.#probe = { bytes: this.#bytes, rate: this.#bestRate.value, isFed: false }
    this.#bytes *= 1 + PROBE_SHARE
    return true
  }

  #failProbe({ bytes, rate }: { readonly bytes: number; readonly rate: number }): void {
    this.#bytes = this.#bounded(bytes)
    const isSame = rate > this.#fullRate * SAME_RATE
    const isFelt = isSame && this.#jitterMs < QUEUE_DELAY_MS
    this.#probePauseRounds = isFelt
      ? Math.min(MAX_PROBE_PAUSE_ROUNDS, PROBE_PAUSE_GROWTH * this.#probePauseRounds)
      : PROBE_PAUSE_ROUNDS
    this.#fullRate = rate
  }

  #provenMs(): number {
    const { leastRttMs } = this
    return Number.isFinite(leastRttMs)
      ? Math.max(PROVEN_MS, PROVEN_ROUND_TRIPS * leastRttMs)
      : PROVEN_MS
  }

  /** The window that carries the proven rate with `delayMs` of queue. */
  #proven(delayMs: number): number {
    return (this.#bestRate.value * (this.leastRttMs + delayMs)) / 1000
  }

  #bounded(bytes: number): number {
    return Math.max(bytes, this.#proven(0), MIN_PACKETS * this.#mss)
  }
}

interface Round {
  readonly endsAt: number
  readonly sentBytes: number
  readonly lostBytes: number
  /** Of all samples of the round: most, most, least, most. */
  inFlight: number
  rate: number
  rttMs: number
  worstRttMs: number
}

function newRound({ now, rttMs, sentBytes, lostBytes }: PathSample): Round {
  const endsAt = now + rttMs
  const none = { inFlight: 0, rate: 0, rttMs: Number.POSITIVE_INFINITY, worstRttMs: 0 }
  return { endsAt, sentBytes, lostBytes, ...none }
}
