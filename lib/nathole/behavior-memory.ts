// Remembers for each pair of networks which way of opening a hole worked, and proposes the next one
// to try: frp's scores (frp-wire.md section 7.4). Sans-IO.

import { orient, type HoleMode, type Oriented, variantsFor } from './behaviors.ts'
import type { NatFeature } from './feature.ts'

/** One side as the memory knows it. */
export interface KnownSide {
  readonly feature: NatFeature
  /** The first that a STUN server saw. */
  readonly ip: string
}

export interface Proposal extends Oriented {
  readonly mode: HoleMode
  readonly index: number
  /** For `handleSuccess`. */
  readonly key: string
}

interface Entry {
  readonly mode: HoleMode
  readonly index: number
  score: number
}

interface Record {
  readonly entries: readonly Entry[]
  usedAt: number
}

const SUCCESS = 2
const MAX_SCORE = 10
/** Pairs; beyond it the one that was used longest ago is forgotten. frp has no bound. */
const MAX_RECORDS = 10_000

/** Times in milliseconds. */
export class BehaviorMemory {
  readonly #reserveMs: number
  /** The one that was used longest ago comes first. */
  readonly #records = new Map<string, Record>()

  /** `reserveMs`: frp's natholeAnalysisDataReserveHours. */
  constructor({ reserveMs }: { readonly reserveMs: number }) {
    this.#reserveMs = reserveMs
  }

  /** Each call uses up a little of what it proposes, so that the next failure leads on. */
  propose(owner: KnownSide, visitor: KnownSide, now: number): Proposal {
    const key = [visitor, owner].map(keyOf).join(' ')
    const entries = this.#records.get(key)?.entries ?? newEntries(owner, visitor)
    this.#keep(key, { entries, usedAt: now })
    const best = entries.reduce((a, b) => (b.score > a.score ? b : a))
    best.score--
    const { mode, index } = best
    return { mode, index, key, ...orient(best, owner.feature) }
  }

  handleSuccess({ key, mode, index }: Pick<Proposal, 'key' | 'mode' | 'index'>, now: number): void {
    const record = this.#records.get(key)
    const entry = record?.entries.find(one => one.mode === mode && one.index === index)
    if (record === undefined || entry === undefined) return
    entry.score = Math.min(MAX_SCORE, entry.score + SUCCESS)
    this.#keep(key, { entries: record.entries, usedAt: now })
  }

  get size(): number {
    return this.#records.size
  }

  #keep(key: string, record: Record): void {
    this.#records.delete(key)
    this.#records.set(key, record)
    for (const [oldest, { usedAt }] of this.#records) {
      const isOld = record.usedAt - usedAt > this.#reserveMs
      if (!isOld && this.#records.size <= MAX_RECORDS) break
      this.#records.delete(oldest)
    }
  }
}

function newEntries({ feature: owner }: KnownSide, { feature: visitor }: KnownSide): Entry[] {
  return variantsFor(owner, visitor).map(({ mode, index, score }) => ({ mode, index, score }))
}

function keyOf({ ip, feature: { natType, behavior, isRegular } }: KnownSide): string {
  return `${ip} ${natType} ${behavior} ${isRegular}`
}
