// What a user sends before his stream is agreed on. It leaves with the request for the stream, so
// that he waits for one round trip less; and it is kept, since the owner may have another prekey by
// then, and the next stream needs it again.

import type { Duplex } from 'node:stream'

/** The rest stays with the user until the answer is there. */
const MAX_KEPT_BYTES = 65_536

export class FirstBytes {
  readonly #user: Duplex
  #kept: Buffer[] = []
  #size = 0
  #to: Duplex | undefined

  /** Reads nothing before `sendTo`. */
  constructor(user: Duplex) {
    this.#user = user
  }

  /** All that has come and what comes; to another stream than before from its beginning. */
  sendTo(stream: Duplex): void {
    if (this.#to === undefined) this.#user.on('readable', this.#read)
    this.#to = stream
    for (const chunk of this.#kept) stream.write(chunk)
    this.#read()
  }

  /** The last stream has all that was read: the user goes on where this stops. */
  stop(): void {
    this.#user.off('readable', this.#read)
    this.#to = undefined
    this.#kept = []
  }

  readonly #read = (): void => {
    while (this.#to !== undefined && this.#size < MAX_KEPT_BYTES) {
      // Also where nothing waits, so that more comes, or the end.
      const length = Math.min(this.#user.readableLength, MAX_KEPT_BYTES - this.#size)
      const chunk: Buffer | null = this.#user.read(length)
      if (chunk === null) return
      this.#kept.push(chunk)
      this.#size += chunk.length
      this.#to.write(chunk)
    }
  }
}

/**
 * What the user has already sent is read by then, and leaves in the packet of the head: half a
 * millisecond less until the first byte than with two packets for three programs.
 */
export function nextPoll(): Promise<void> {
  return new Promise(resolve => setImmediate(() => setImmediate(resolve)))
}
