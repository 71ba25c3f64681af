// The pairs of a socket of ours and an address of the peer that are being tried, and when each is
// tried again: doubling, for both sides must have sent, and any probe may be lost. Sans-IO.

import { addressKey } from '../candidates.ts'
import type { Address } from '../../lib/address.ts'
import type { PathKind } from '../path/types.ts'
import type { Technique } from './types.ts'

/** Between one try and the next, in milliseconds: at 0, 33, 66, 133, 266, 533, 1,066 and 1,600. */
const GAPS_MS = [33, 33, 67, 133, 267, 533, 534] as const
export const MOST_TRIES: number = GAPS_MS.length + 1
/** The peer's probe came through: now ours will, too. Not more often than this. */
const TRIGGER_GAP_MS = 15
/** Tries that probes of the peer add to the others, at most. */
const MOST_TRIGGERED = 6
/** After an answer we go on a little: the peer may not have seen that his probes arrive. */
const FOLLOW_UP_GAPS_MS = [40, 80, 160] as const
/** The answer to the last try is awaited so long. */
const PATIENCE_MS = 600

export interface CheckOptions {
  readonly socket: number
  readonly to: Address
  readonly kind: PathKind
  readonly technique: Technique
  readonly tries: number
  /** The first datagram of an opener may not reach the peer's NAT, the others not before this. */
  readonly openerUntil: number | undefined
}

export class Check {
  readonly socket: number
  readonly to: Address
  readonly kind: PathKind
  readonly technique: Technique
  /** The path is proven to us. */
  isValid = false
  /** The peer has told that it is proven to him. */
  isValidForPeer = false
  #nextAt: number
  #sentAt = -Infinity
  #sent = 0
  #left: number
  #triggered = 0
  #openerUntil: number | undefined

  constructor(options: CheckOptions, now: number) {
    this.socket = options.socket
    this.to = options.to
    this.kind = options.kind
    this.technique = options.technique
    this.#left = options.tries
    this.#openerUntil = options.openerUntil
    this.#nextAt = now
  }

  /** Infinity: never again. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** Nothing more is sent, and the last try has had its time. */
  isOver(now: number): boolean {
    return this.#nextAt === Infinity && now >= this.#sentAt + PATIENCE_MS
  }

  /** When it will be over, if nothing comes; Infinity while it goes on. */
  overAt(): number {
    return this.#nextAt === Infinity ? this.#sentAt + PATIENCE_MS : Infinity
  }

  /** A try goes out now. True: it is an opener. */
  send(now: number): boolean {
    const isOpener = this.#openerUntil !== undefined
    const gaps = this.isValid ? FOLLOW_UP_GAPS_MS : GAPS_MS
    const gap = gaps[this.#sent] ?? gaps.at(-1) ?? 0
    this.#sent++
    this.#left--
    this.#sentAt = now
    this.#nextAt = this.#left > 0 ? Math.max(now + gap, this.#openerUntil ?? 0) : Infinity
    this.#openerUntil = undefined
    return isOpener
  }

  /** A probe of the peer came that way. */
  trigger(now: number): void {
    this.#openerUntil = undefined
    if (this.isValid || this.#triggered >= MOST_TRIGGERED) return
    const at = Math.max(now, this.#sentAt + TRIGGER_GAP_MS)
    if (at >= this.#nextAt) return
    this.#triggered++
    this.#left = Math.max(this.#left, 1)
    this.#nextAt = at
  }

  /** An answer came. */
  validate(now: number): void {
    this.isValid = true
    this.#sent = 0
    this.#left = this.isValidForPeer ? 0 : FOLLOW_UP_GAPS_MS.length
    this.#nextAt = this.#left > 0 ? now + FOLLOW_UP_GAPS_MS[0] : Infinity
  }

  handlePeerValidated(): void {
    this.isValidForPeer = true
    if (this.isValid) this.stop()
  }

  stop(): void {
    this.#left = 0
    this.#nextAt = Infinity
  }
}

export class CheckList {
  readonly #checks = new Map<string, Check>()

  get size(): number {
    return this.#checks.size
  }

  find(socket: number, to: Address): Check | undefined {
    return this.#checks.get(keyOf(socket, to))
  }

  add(options: CheckOptions, now: number): Check {
    const check = new Check(options, now)
    this.#checks.set(keyOf(options.socket, options.to), check)
    return check
  }

  all(): Iterable<Check> {
    return this.#checks.values()
  }

  /** The one that waits longest. */
  due(now: number): Check | undefined {
    let due: Check | undefined
    for (const check of this.all()) {
      if (check.nextAt <= now && check.nextAt < (due?.nextAt ?? Infinity)) due = check
    }
    return due
  }

  nextAt(): number {
    let nextAt = Infinity
    for (const check of this.all()) nextAt = Math.min(nextAt, check.nextAt)
    return nextAt
  }

  /** When the last one is over; 0 without any, Infinity while one goes on. */
  overAt(): number {
    let overAt = 0
    for (const check of this.all()) overAt = Math.max(overAt, check.overAt())
    return overAt
  }
}

function keyOf(socket: number, to: Address): string {
  return `${socket} ${addressKey(to)}`
}
