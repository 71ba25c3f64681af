// Sans-IO. How much a peer may send on a stream before our reader has taken it, and how much of
// that a session grants in all. frp grants 6 MiB to every stream at once, so a peer with slow
// readers can make it hold gigabytes.

import { BASE_WINDOW_BYTES } from './frame.ts'

/**
 * Growth on top of the protocol's 256 KiB for each stream, shared by the streams of one session.
 */
export class WindowBudget {
  readonly #totalBytes: number
  #grantedBytes = 0

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes
  }

  /**
   * What a new stream gets: all it wants while less than half is out, else nothing. The other half
   * is kept for streams that show by reading that they need it: 500 idle streams must not slow the
   * one that works.
   */
  open(wantedBytes: number): number {
    return this.#grantedBytes + wantedBytes > this.#totalBytes / 2 ? 0 : this.grow(wantedBytes)
  }

  grow(wantedBytes: number): number {
    const bytes = Math.min(wantedBytes, this.#totalBytes - this.#grantedBytes)
    this.#grantedBytes += bytes
    return bytes
  }

  giveBack(bytes: number): void {
    this.#grantedBytes -= bytes
  }
}

export interface WindowLimits {
  /** The window of a stream that has not been read yet. */
  readonly initialWindowBytes: number
  /** What it can grow to by being read. */
  readonly maxWindowBytes: number
}

/**
 * The receive side of one stream. The credit the peer holds plus the bytes not yet read never
 * exceed the window.
 */
export class ReceiveWindow {
  readonly #budget: WindowBudget
  readonly #maxBytes: number
  #windowBytes: number = BASE_WINDOW_BYTES
  #creditBytes: number = BASE_WINDOW_BYTES
  #unreadBytes = 0

  constructor(budget: WindowBudget, limits: WindowLimits) {
    this.#budget = budget
    this.#maxBytes = limits.maxWindowBytes
    this.#windowBytes += budget.open(Math.max(0, limits.initialWindowBytes - BASE_WINDOW_BYTES))
  }

  get windowBytes(): number {
    return this.#windowBytes
  }

  get unreadBytes(): number {
    return this.#unreadBytes
  }

  /** The delta that goes out with SYN or ACK. */
  announce(): number {
    return this.#grant()
  }

  /** False when the peer sent more than it was granted. */
  receive(bytes: number): boolean {
    if (bytes > this.#creditBytes) return false
    this.#creditBytes -= bytes
    this.#unreadBytes += bytes
    return true
  }

  /** True when a window update is due: half of the window has been read and not granted again. */
  consume(bytes: number): boolean {
    this.#unreadBytes -= bytes
    return this.#windowBytes - this.#unreadBytes - this.#creditBytes >= this.#windowBytes / 2
  }

  /**
   * The delta of a window update that is due. A reader that gets here keeps up, so its window also
   * grows, fourfold: from 256 KiB to 6 MiB in three steps, each one round trip.
   */
  update(): number {
    const wanted = Math.min(this.#maxBytes, this.#windowBytes * 4) - this.#windowBytes
    if (wanted > 0) this.#windowBytes += this.#budget.grow(wanted)
    return this.#grant()
  }

  /** The stream is over. */
  release(): void {
    this.#budget.giveBack(this.#windowBytes - BASE_WINDOW_BYTES)
    this.#windowBytes = BASE_WINDOW_BYTES
  }

  #grant(): number {
    const delta = this.#windowBytes - this.#unreadBytes - this.#creditBytes
    this.#creditBytes += delta
    return delta
  }
}
