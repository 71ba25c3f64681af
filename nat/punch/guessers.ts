// The orders in which ports are guessed, one class for each part that a side can have. They say
// which datagram is next and when; how many may go is the pace's. Sans-IO.

import { FIRST_PORT, anyPorts, portAfter, portsAhead, portsIn, takenSince } from '../predict.ts'
import type { SequentialAllocation } from '../predict.ts'
import type { PortAllocation } from '../types.ts'
import type { Address } from '../../lib/address.ts'

export interface Guess {
  readonly socket: number
  readonly to: Address
}

export interface Guesser {
  /** Undefined: nothing before `nextAt`. */
  next(now: number): Guess | undefined
  /** Infinity: that was all. */
  nextAt(): number
}

/** When all sockets call again: for what was lost, and because mappings die after 15 s (§1.4). */
const CALLS_AT_MS = [0, 700, 2000, 5000, 8500] as const

/** Our ports are guessed: every socket calls every address of the peer. */
export class Caller implements Guesser {
  readonly #guesses: readonly Guess[]
  readonly #startedAt: number
  #pass = 0
  #index = 0

  constructor(sockets: readonly number[], targets: readonly Address[], now: number) {
    this.#guesses = targets.flatMap(to => sockets.map(socket => ({ socket, to })))
    this.#startedAt = now
  }

  next(now: number): Guess | undefined {
    if (this.nextAt() > now) return undefined
    const guess = this.#guesses[this.#index++]
    if (this.#index >= this.#guesses.length) {
      this.#index = 0
      this.#pass++
    }
    return guess
  }

  nextAt(): number {
    if (this.#guesses.length === 0) return Infinity
    return this.#startedAt + (CALLS_AT_MS[this.#pass] ?? Infinity)
  }
}

/** The peer's ports are guessed, from our real socket. */
export class Seeker implements Guesser {
  readonly #ips: readonly string[]
  readonly #ports: Iterator<number>
  #waiting: Address[] = []
  #isOver = false

  constructor(
    ips: readonly string[],
    { ports, random, now }: { ports: PortAllocation; random: () => number; now: number },
  ) {
    this.#ips = ips
    this.#isOver = ips.length === 0
    this.#ports =
      ports.type === 'sequential'
        ? portsAhead(ports, now)
        : ports.type === 'random-in-block'
          ? portsIn(ports, random)
          : anyPorts(random)
  }

  next(): Guess | undefined {
    if (this.#waiting.length === 0) {
      const { value: port } = this.#ports.next()
      if (port !== undefined) this.#waiting = this.#ips.map(ip => ({ ip, port: Number(port) }))
    }
    const to = this.#waiting.shift()
    if (!to) this.#isOver = true
    return to && { socket: 0, to }
  }

  nextAt(): number {
    return this.#isOver ? Infinity : 0
  }
}

/** Sockets, or ports walked over, of a flight. Either side may be off by half of it. */
export const FLIGHT = 48
const FLIGHTS = 6
const FLIGHT_GAP_MS = 500
/** Each flight goes out twice: what meets has met once the second one is through. */
const REPEAT_MS = 160

/**
 * Both NATs count. The gathering side calls one port in the middle of those that the walking side
 * is about to get, from many sockets; the walking side sends to each of the ports that these get.
 */
export class InStep implements Guesser {
  readonly #ip: string
  readonly #ports: SequentialAllocation
  readonly #sockets: readonly number[]
  readonly #startedAt: number
  #flight = 0
  #isRepeat = false
  #guesses: Guess[] = []
  #index = 0

  /** `sockets`: of the gathering side; none: we walk. `ports`: the peer's. */
  constructor(
    options: {
      readonly ip: string
      readonly ports: SequentialAllocation
      readonly sockets: readonly number[]
    },
    now: number,
  ) {
    this.#ip = options.ip
    this.#ports = options.ports
    this.#sockets = options.sockets
    this.#startedAt = now
  }

  next(now: number): Guess | undefined {
    if (this.nextAt() > now) return undefined
    if (this.#index === 0 && !this.#isRepeat) this.#guesses = this.#plan(now)
    const guess = this.#guesses[this.#index++]
    if (this.#index < this.#guesses.length) return guess
    this.#index = 0
    if (this.#isRepeat) this.#flight++
    this.#isRepeat = !this.#isRepeat
    return guess
  }

  nextAt(): number {
    if (this.#flight >= FLIGHTS) return Infinity
    return this.#startedAt + this.#flight * FLIGHT_GAP_MS + (this.#isRepeat ? REPEAT_MS : 0)
  }

  #plan(now: number): Guess[] {
    // Each flight of the peer takes as many ports as one of ours.
    const before = takenSince(this.#ports, now) + this.#flight * FLIGHT
    const at = (count: number): Address => ({
      ip: this.#ip,
      port: portAfter(this.#ports, Math.round(before) + count),
    })
    if (this.#sockets.length > 0) {
      return this.#sockets.slice(0, FLIGHT).map(socket => ({ socket, to: at(FLIGHT / 2) }))
    }
    return Array.from({ length: FLIGHT }, (_, index) => ({ socket: 0, to: at(index + 1) }))
  }
}

/** A block must stay usable for others behind it, also where the NAT shares no ports. */
const SHARE_OF_BLOCK = 0.88

/** Both draw from a block: one socket sends to most ports of the peer's, and has most of ours. */
export class BlockSearch implements Guesser {
  readonly #guesses: readonly Guess[]
  #index = 0
  #passes = 0

  constructor(
    ip: string,
    { first, size, random }: { first: number; size: number; random: () => number },
  ) {
    const ports = portsIn({ first: Math.max(first, FIRST_PORT), size }, random)
    const count = Math.floor(size * SHARE_OF_BLOCK)
    this.#guesses = Array.from({ length: count }, () => {
      const { value: port } = ports.next()
      return { socket: 0, to: { ip, port: Number(port) } }
    })
  }

  next(): Guess | undefined {
    const guess = this.#guesses[this.#index++]
    if (this.#index >= this.#guesses.length) {
      this.#index = 0
      this.#passes++
    }
    return guess
  }

  /** Twice: once for the mappings, once for what was lost or came too early. */
  nextAt(): number {
    return this.#passes < 2 && this.#guesses.length > 0 ? 0 : Infinity
  }
}
