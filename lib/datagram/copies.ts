// Redundancy: keeps packets that were just sent and says when each is to be sent again. Sans-IO.
//
// The code is plain repetition, with the next packets of the flow. What else was weighed, at 2 %
// random loss and a game's 60 packets a second (test/datagram/redundancy.test.ts has the figures):
// one copy leaves 0.04 % lost and a lost packet comes one packet later (17 ms), for +100 % bytes
// but no more packets, because the copy travels in the same QUIC packet as the next one. XOR over
// pairs costs +50 % but leaves 0.08 %, and the lost packet comes up to two packets later (33 ms);
// longer groups, Reed-Solomon too, are cheaper and later still. A game notices delay, not 50
// kbit/s.

/**
 * A copy travels with the next packet of its flow, or alone after this time, in milliseconds: a
 * game at 60/s or faster never sends one alone, and a slower one waits no longer than that.
 */
export const COPY_DELAY_MS = 20

/**
 * Packets that are held at one time in one session, and their bytes; past it there are no copies.
 */
const MAX_HELD = 8_192
const MAX_BYTES = 4 << 20

/**
 * A buffer that was used for a longer packet is not kept for the next one: 2 KiB holds any packet
 * that fits into one datagram on the internet.
 */
const KEPT_BYTES = 2_048

/** A packet that will be sent again. `bytes` is valid until the next call of `hold`. */
export interface Held<F> {
  readonly flow: F
  readonly sequence: number
  readonly bytes: Buffer
}

/** What each flow keeps for the store; nothing else may touch it. */
export type HeldPackets<F> = Packet<F>[]

interface Packet<F> extends Held<F> {
  flow: F
  sequence: number
  bytes: Buffer
  memory: Buffer
  left: number
  sentAt: number
  dueAt: number
}

/** `F` is a flow with its own list of what is held of it. Times in milliseconds. */
export class Copies<F extends { readonly held: HeldPackets<F> }> {
  /** In the order in which they are due. From `#head` on; what is before it has been taken. */
  #due: Packet<F>[] = []
  #head = 0
  readonly #spare: Packet<F>[] = []
  #bytes = 0

  /**
   * A packet leaves for the first time: keeps it for `copies` repetitions. `payload` is lent. Call
   * `withNext` before.
   */
  hold(
    flow: F,
    packet: { readonly sequence: number; readonly payload: Buffer },
    copies: number,
    now: number,
  ): void {
    const { sequence, payload } = packet
    const isFull = this.#due.length - this.#head >= MAX_HELD
    if (isFull || this.#bytes + payload.length > MAX_BYTES) return
    const held = this.#spare.pop() ?? emptyPacket(flow)
    if (held.memory.length < payload.length) {
      held.memory = Buffer.allocUnsafeSlow(Math.max(128, payload.length))
    }
    payload.copy(held.memory)
    held.bytes = held.memory.subarray(0, payload.length)
    held.flow = flow
    held.sequence = sequence
    held.left = copies
    held.sentAt = now
    held.dueAt = now + COPY_DELAY_MS
    this.#bytes += payload.length
    this.#due.push(held)
    flow.held.push(held)
  }

  /** A new packet of the flow has just been sent: what is to travel with it. */
  withNext(flow: F, now: number, send: (held: Held<F>) => void): void {
    for (let index = 0; index < flow.held.length; ) {
      const packet = flow.held[index]
      if (packet === undefined) return
      packet.left--
      packet.sentAt = now
      if (packet.left > 0) index++
      else flow.held.splice(index, 1)
      send(packet)
    }
  }

  /** The next copy whose flow had no packet to travel with, or undefined. */
  poll(now: number): Held<F> | undefined {
    for (;;) {
      const packet = this.#due[this.#head]
      if (packet === undefined || (packet.left > 0 && packet.dueAt > now)) return undefined
      this.#head++
      if (this.#head > 512 && this.#head * 2 > this.#due.length) {
        this.#due = this.#due.slice(this.#head)
        this.#head = 0
      }
      if (packet.left <= 0) {
        this.#recycle(packet)
        continue
      }
      // It has travelled meanwhile and another copy is wanted: that one comes later.
      if (now - packet.sentAt >= COPY_DELAY_MS) {
        packet.left--
        packet.sentAt = now
        packet.dueAt = now + COPY_DELAY_MS
        this.#due.push(packet)
        if (packet.left <= 0) packet.flow.held.splice(packet.flow.held.indexOf(packet), 1)
        return packet
      }
      packet.dueAt = packet.sentAt + COPY_DELAY_MS
      this.#due.push(packet)
    }
  }

  /** When `poll` has something next, or undefined. Packets that need nothing more may be first. */
  deadline(): number | undefined {
    return this.#due[this.#head]?.dueAt
  }

  /** The flow is closed. */
  forget(flow: F): void {
    for (const packet of flow.held) packet.left = 0
    flow.held.length = 0
  }

  #recycle(packet: Packet<F>): void {
    this.#bytes -= packet.bytes.length
    if (packet.memory.length <= KEPT_BYTES && this.#spare.length < 256) this.#spare.push(packet)
  }
}

function emptyPacket<F>(flow: F): Packet<F> {
  const none = Buffer.alloc(0)
  return { flow, sequence: 0, bytes: none, memory: none, left: 0, sentAt: 0, dueAt: 0 }
}
