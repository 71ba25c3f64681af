// One direction of a link: a drop-tail queue in front of a transmitter with a rate, then loss, then
// the way with its delay. What departs when follows from the times at which packets were sent, so a
// late poll changes nothing. Sans-IO.

import type { Packet } from './packet.ts'
import type { Random } from './random.ts'
import type { LinkOptions, Milliseconds } from './spec.ts'
import { TimeQueue } from './time-queue.ts'
import { Wander } from './wander.ts'

/** What became of a packet at the entrance. An accepted one may still be lost on the way. */
export type Verdict = 'accepted' | 'queue-full' | 'too-long' | 'down'

/** Counters of one direction since it was made. */
export interface LinkStats {
  /** Arrived, copies included. */
  packets: number
  bytes: number
  /** Dropped because the queue was full. */
  overflowed: number
  /** Random and burst loss. */
  lost: number
  tooLong: number
  /** Dropped because the link was down. */
  down: number
  /** What waits at this moment, with the one that is being sent. */
  queuedPackets: number
  queuedBytes: number
}

/** Linux's txqueuelen is 1,000 packets. */
const QUEUE_BYTES = 1_500_000

interface Waiting {
  readonly packet: Packet
  /** When it came: the transmitter cannot begin before. */
  readonly at: Milliseconds
}

export class Link {
  readonly #random: Random
  #options: LinkOptions = {}
  #jitter: Wander
  #isBurst = false
  #queue: Waiting[] = []
  #queuedBytes = 0
  /** When the head of the queue has left; Infinity when the queue is empty. */
  #departsAt = Infinity
  readonly #flying = new TimeQueue<Packet>()
  /** No packet overtakes this one, but for those that are reordered. */
  #lastArrival: Milliseconds = -Infinity
  readonly #counts = { packets: 0, bytes: 0, overflowed: 0, lost: 0, tooLong: 0, down: 0 }

  constructor(options: LinkOptions, random: Random) {
    this.#random = random
    this.#jitter = new Wander(0, random)
    this.configure(options, 0)
  }

  get options(): LinkOptions {
    return this.#options
  }

  /**
   * Replaces all options. What waits leaves at the new rate, the rest of the packet that is being
   * sent too; what is on its way arrives as before.
   */
  configure(options: LinkOptions, now: Milliseconds): void {
    this.#transmit(now)
    if (options.jitterMs !== this.#options.jitterMs) {
      this.#jitter = new Wander(options.jitterMs ?? 0, this.#random)
    }
    const { rateBitsPerSecond: before = Infinity } = this.#options
    const { rateBitsPerSecond: after = Infinity } = options
    if (this.#queue.length > 0 && before !== after) {
      this.#departsAt = now + ((this.#departsAt - now) * before) / after
    }
    this.#options = options
    if (!options.burst) this.#isBurst = false
    if (!options.isDown) return
    this.#counts.down += this.#queue.length
    this.#queue = []
    this.#queuedBytes = 0
    this.#departsAt = Infinity
  }

  send(packet: Packet, now: Milliseconds): Verdict {
    const { isDown, mtu, rateBitsPerSecond, queueBytes = QUEUE_BYTES } = this.#options
    if (isDown) {
      this.#counts.down++
      return 'down'
    }
    if (mtu !== undefined && packet.length > mtu) {
      this.#counts.tooLong++
      return 'too-long'
    }
    this.#transmit(now)
    if (this.#queue.length === 0) {
      if (rateBitsPerSecond === undefined) {
        this.#depart(packet, now)
        return 'accepted'
      }
      this.#departsAt = now + sendingMs(packet, rateBitsPerSecond)
    } else {
      const [sending] = this.#queue
      const waitingBytes = this.#queuedBytes - (sending?.packet.length ?? 0)
      if (waitingBytes + packet.length > queueBytes) {
        this.#counts.overflowed++
        return 'queue-full'
      }
    }
    this.#queue.push({ packet, at: now })
    this.#queuedBytes += packet.length
    return 'accepted'
  }

  /** The next packet that has arrived by now, in the order of arrival. */
  poll(now: Milliseconds): Packet | undefined {
    this.#transmit(now)
    if (this.#flying.nextAt > now) return undefined
    const packet = this.#flying.pop()
    if (!packet) return undefined
    this.#counts.packets++
    this.#counts.bytes += packet.length
    return packet
  }

  /** When the next packet arrives or leaves the queue; Infinity when there is none. */
  deadline(): Milliseconds {
    return Math.min(this.#departsAt, this.#flying.nextAt)
  }

  stats(): LinkStats {
    const { length: queuedPackets } = this.#queue
    return { ...this.#counts, queuedPackets, queuedBytes: this.#queuedBytes }
  }

  /** Lets leave what has left by now, each at its own time. */
  #transmit(now: Milliseconds): void {
    while (this.#departsAt <= now) {
      const departedAt = this.#departsAt
      const sent = this.#queue.shift()
      if (!sent) break
      this.#queuedBytes -= sent.packet.length
      const next = this.#queue[0]
      const { rateBitsPerSecond = Infinity } = this.#options
      this.#departsAt = next
        ? Math.max(departedAt, next.at) + sendingMs(next.packet, rateBitsPerSecond)
        : Infinity
      this.#depart(sent.packet, departedAt)
    }
  }

  #depart(packet: Packet, now: Milliseconds): void {
    if (this.#isLost()) {
      this.#counts.lost++
      return
    }
    const { delayMs = 0, reorder, duplicate = 0 } = this.#options
    const arrival = Math.max(this.#lastArrival, now + delayMs + this.#jitter.at(now))
    if (reorder && this.#random() < reorder.probability) {
      this.#flying.push(arrival + reorder.delayMs, packet)
    } else {
      this.#lastArrival = arrival
      this.#flying.push(arrival, packet)
    }
    if (duplicate > 0 && this.#random() < duplicate) this.#flying.push(arrival, packet.copy())
  }

  #isLost(): boolean {
    const { loss = 0, burst } = this.#options
    const isLost = loss > 0 && this.#random() < loss
    if (!burst) return isLost
    const isLostInBurst = this.#isBurst && this.#random() < burst.loss
    const turn = this.#isBurst ? burst.leave : burst.enter
    if (this.#random() < turn) this.#isBurst = !this.#isBurst
    return isLost || isLostInBurst
  }
}

function sendingMs(packet: Packet, rateBitsPerSecond: number): Milliseconds {
  return (packet.length * 8000) / rateBitsPerSecond
}
