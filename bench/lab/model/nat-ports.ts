// Which external port a new mapping gets: the four ways in which NATs choose, and the state that
// each needs. Sans-IO.

import { poisson, randomBelow, type Random } from './random.ts'
import type { Milliseconds, PortAllocation } from './spec.ts'

export const FIRST_PORT = 1024
/** 1,024 to 65,535. */
export const PORTS: number = 65_536 - FIRST_PORT
/** Random tries before the free ports are searched one after the other. */
const RANDOM_TRIES = 16

export interface PortWish {
  readonly insideIp: number
  readonly insidePort: number
  /** Whether a mapping may have this port. */
  readonly isFree: (port: number) => boolean
}

/** `allocate` gives undefined when no port is free. */
export interface PortChoice {
  allocate(wish: PortWish, now: Milliseconds): number | undefined
}

export function portChoice(allocation: PortAllocation, random: Random): PortChoice {
  switch (allocation.type) {
    case 'preserving':
      return { allocate: preserved }
    case 'sequential':
      return new SequentialPorts(allocation, random)
    case 'random':
      return {
        allocate: ({ isFree }) => someFree({ first: FIRST_PORT, count: PORTS, random, isFree }),
      }
    case 'random-in-block':
      return new BlockPorts(allocation.size, random)
    default:
      return allocation satisfies never
  }
}

/** The well-known ports keep their distance to each other above 1,023. */
function preserved({ insidePort, isFree }: PortWish): number | undefined {
  const wanted = insidePort < FIRST_PORT ? insidePort : insidePort - FIRST_PORT
  for (let offset = 0; offset < PORTS; offset++) {
    const port = FIRST_PORT + ((wanted + offset) % PORTS)
    if (isFree(port)) return port
  }
  return undefined
}

class SequentialPorts implements PortChoice {
  readonly #step: number
  readonly #foreignPerMs: number
  readonly #random: Random
  /** Counted from FIRST_PORT. */
  #last: number
  #lastAt: Milliseconds | undefined

  constructor(options: { step: number; foreignPerSecond: number }, random: Random) {
    this.#step = options.step
    this.#foreignPerMs = options.foreignPerSecond / 1000
    this.#random = random
    this.#last = randomBelow(random, PORTS)
  }

  allocate({ isFree }: PortWish, now: Milliseconds): number | undefined {
    const elapsed = Math.max(0, now - (this.#lastAt ?? now))
    this.#lastAt = now
    const foreign = this.#foreignPerMs > 0 ? poisson(this.#random, this.#foreignPerMs * elapsed) : 0
    this.#advance(this.#step * foreign)
    for (let tries = 0; tries < PORTS; tries++) {
      // A step that shares a factor with the number of ports comes round before it saw them all.
      this.#advance(tries > 0 && (tries * this.#step) % PORTS === 0 ? this.#step + 1 : this.#step)
      if (isFree(FIRST_PORT + this.#last)) return FIRST_PORT + this.#last
    }
    return undefined
  }

  #advance(by: number): void {
    this.#last = (((this.#last + by) % PORTS) + PORTS) % PORTS
  }
}

class BlockPorts implements PortChoice {
  readonly #size: number
  readonly #random: Random
  readonly #blocks = new Map<number, number>()
  /** Blocks nobody has yet; refilled when all are given away, so that subscribers may share. */
  #left: number[] = []

  constructor(size: number, random: Random) {
    this.#size = Math.min(size, PORTS)
    this.#random = random
  }

  allocate({ insideIp, isFree }: PortWish): number | undefined {
    const block = this.#blocks.get(insideIp) ?? this.#newBlock()
    this.#blocks.set(insideIp, block)
    const first = FIRST_PORT + block * this.#size
    return someFree({ first, count: this.#size, random: this.#random, isFree })
  }

  #newBlock(): number {
    if (this.#left.length === 0) {
      this.#left = Array.from({ length: Math.floor(PORTS / this.#size) }, (_, index) => index)
    }
    return this.#left.splice(randomBelow(this.#random, this.#left.length), 1)[0] ?? 0
  }
}

interface Range {
  readonly first: number
  readonly count: number
  readonly random: Random
  readonly isFree: (port: number) => boolean
}

function someFree({ first, count, random, isFree }: Range): number | undefined {
  for (let tries = 0; tries < RANDOM_TRIES; tries++) {
    const port = first + randomBelow(random, count)
    if (isFree(port)) return port
  }
  const start = randomBelow(random, count)
  for (let offset = 0; offset < count; offset++) {
    const port = first + ((start + offset) % count)
    if (isFree(port)) return port
  }
  return undefined
}
