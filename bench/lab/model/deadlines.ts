// The deadlines of a fixed set of things, numbered from 0: a binary heap that knows where each
// number stands, so that a deadline can change. Sans-IO.

import type { Milliseconds } from './spec.ts'

export class Deadlines {
  readonly #at: Float64Array
  /** Numbers, the earliest first; those of the same time in any order. */
  readonly #heap: Uint32Array
  readonly #place: Uint32Array

  /** All are at Infinity. */
  constructor(count: number) {
    this.#at = new Float64Array(count).fill(Infinity)
    this.#heap = Uint32Array.from({ length: count }, (_, index) => index)
    this.#place = this.#heap.slice()
  }

  /** Infinity when there are none. */
  get nextAt(): Milliseconds {
    return this.#at[this.next] ?? Infinity
  }

  /** The number whose deadline comes first. */
  get next(): number {
    return this.#heap[0] ?? 0
  }

  set(number: number, at: Milliseconds): void {
    const before = this.#at[number] ?? Infinity
    if (at === before) return
    this.#at[number] = at
    if (at < before) this.#rise(number, at)
    else this.#sink(number, at)
  }

  #rise(number: number, at: Milliseconds): void {
    let place = this.#place[number] ?? 0
    while (place > 0) {
      const above = this.#heap[(place - 1) >>> 1] ?? 0
      if ((this.#at[above] ?? 0) <= at) break
      this.#put(above, place)
      place = (place - 1) >>> 1
    }
    this.#put(number, place)
  }

  #sink(number: number, at: Milliseconds): void {
    const { length } = this.#heap
    let place = this.#place[number] ?? 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= length) break
      if (child + 1 < length && this.#atPlace(child + 1) < this.#atPlace(child)) child++
      if (this.#atPlace(child) >= at) break
      this.#put(this.#heap[child] ?? 0, place)
      place = child
    }
    this.#put(number, place)
  }

  #atPlace(place: number): Milliseconds {
    return this.#at[this.#heap[place] ?? 0] ?? Infinity
  }

  #put(number: number, place: number): void {
    this.#heap[place] = number
    this.#place[number] = place
  }
}
