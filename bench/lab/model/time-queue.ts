// Things that are due at times: a binary heap; what is due at the same time leaves in the order in
// which it came. What comes in order of time costs one comparison. Sans-IO.

import type { Milliseconds } from './spec.ts'

interface Entry<T> {
  readonly at: Milliseconds
  readonly order: number
  readonly item: T
}

export class TimeQueue<T> {
  readonly #heap: Entry<T>[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** Infinity when it is empty. */
  get nextAt(): Milliseconds {
    return this.#heap[0]?.at ?? Infinity
  }

  push(at: Milliseconds, item: T): void {
    const heap = this.#heap
    const entry = { at, order: this.#order++, item }
    let index = heap.length
    while (index > 0) {
      const parent = (index - 1) >>> 1
      const above = heap[parent]
      if (!above || !isBefore(entry, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = entry
  }

  /** The earliest, whatever the time is. */
  pop(): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first?.item
    let index = 0
    for (;;) {
      const child = this.#earlierChild(index)
      const below = heap[child]
      if (!below || !isBefore(below, last)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
    return first.item
  }

  #earlierChild(index: number): number {
    const left = this.#heap[2 * index + 1]
    const right = this.#heap[2 * index + 2]
    return left && right && isBefore(right, left) ? 2 * index + 2 : 2 * index + 1
  }
}

function isBefore<T>(one: Entry<T>, other: Entry<T>): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
