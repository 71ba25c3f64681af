// Asking quiche for its list of readable streams leaves an object of the binding's behind, with two
// weak handles that only a full collection frees: at 2,600 lists a second such collections stopped
// the process for 80 ms every 5 s, and each small one for 10-20 ms. So the streams that had bytes
// before are asked first, and in a transfer nobody asks for the list any more.

import type { Connection } from './quiche-types.ts'

/** What is asked of a stream. */
export interface Reader {
  readonly id: number
  readonly destroyed: boolean
  pull(): void
}

/** More of them cost as much as the list, about 10 us. */
const MAX_RECENT = 4

export class RecentReaders {
  readonly #native: Pick<Connection, 'streamReadable'>
  readonly #streams: Reader[] = []

  constructor(native: Pick<Connection, 'streamReadable'>) {
    this.#native = native
  }

  /** Lets the streams that are remembered take what is there for them. */
  serve(): void {
    // A stream that ends takes itself out, or another one that it was spliced to.
    for (const stream of [...this.#streams]) {
      if (!stream.destroyed && this.#native.streamReadable(stream.id)) stream.pull()
    }
  }

  /** It was on the list: the one that was remembered longest makes room. */
  remember(stream: Reader): void {
    if (this.#streams.includes(stream)) return
    if (this.#streams.length === MAX_RECENT) this.#streams.shift()
    this.#streams.push(stream)
  }

  forget(stream: Reader): void {
    const index = this.#streams.indexOf(stream)
    if (index >= 0) this.#streams.splice(index, 1)
  }
}
