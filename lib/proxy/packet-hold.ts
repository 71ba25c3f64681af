// Packets of users that wait for the link of their proxy to come (back). Sans-IO. Bounded, the
// oldest go first: the first packets of a game are asked again, but not within the moment a link
// takes.

const MAX_PACKETS = 256
const MAX_BYTES = 256 << 10
const MAX_WAIT_MS = 1_000

interface Waiting<T> {
  readonly to: T
  readonly payload: Buffer
  readonly since: number
}

/** Times in milliseconds. */
export class PacketHold<T> {
  #waiting: Waiting<T>[] = []
  #bytes = 0

  /** `payload` is lent. */
  push(to: T, payload: Buffer, now: number): void {
    if (payload.length > MAX_BYTES) return
    this.#waiting.push({ to, payload: Buffer.from(payload), since: now })
    this.#bytes += payload.length
    while (this.#waiting.length > MAX_PACKETS || this.#bytes > MAX_BYTES) {
      this.#bytes -= this.#waiting.shift()?.payload.length ?? 0
    }
  }

  /** Empties it; what has waited too long is not given. */
  release(now: number, give: (to: T, payload: Buffer) => void): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    for (const { to, payload, since } of waiting) if (now - since <= MAX_WAIT_MS) give(to, payload)
  }
}
