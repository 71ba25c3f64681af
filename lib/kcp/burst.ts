// Datagrams that are sent together: equal ones in a row leave with one call of the system, where it
// can do that.

import type { Address } from '../address.ts'
import type { UdpSocket } from '../udp/index.ts'

export class Burst {
  readonly #socket: UdpSocket
  #to: readonly Address[]
  readonly #maxDatagramBytes: number
  readonly #buffer: Buffer
  #used = 0
  #segmentBytes = 0
  #count = 0
  #isBlocked = false

  constructor(socket: UdpSocket, to: readonly Address[], maxDatagramBytes: number) {
    this.#socket = socket
    this.#to = to
    this.#maxDatagramBytes = maxDatagramBytes
    this.#buffer = Buffer.allocUnsafeSlow(socket.maxBurstBytes)
  }

  /** The system takes nothing; `flush` again when the socket is writable. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** From now on there, and nowhere else. */
  aim(to: Address): void {
    this.#to = [to]
  }

  /** `write` writes a datagram and returns its length. False when there was none. */
  add(write: (target: Buffer, at: number) => number): boolean {
    const isFull = this.#count >= this.#socket.maxSegments
    if (isFull || this.#buffer.length - this.#used < this.#maxDatagramBytes) this.flush()
    if (this.#isBlocked) return false
    const start = this.#used
    const length = write(this.#buffer, start)
    if (length === 0) return false
    if (start > 0 && length > this.#segmentBytes) this.#leaveTo(start)
    const at = this.#used
    // No room even for what is before it: it is lost, as on a full link.
    if (this.#isBlocked) return false
    if (at < start) this.#buffer.copyWithin(at, start, start + length)
    if (at === 0) this.#segmentBytes = length
    this.#used = at + length
    this.#count++
    // A shorter one can only be the last.
    if (length < this.#segmentBytes) this.flush()
    return true
  }

  flush(): void {
    if (this.#used > 0) this.#leaveTo(this.#used)
  }

  #leaveTo(end: number): void {
    const burst = this.#buffer.subarray(0, end)
    this.#isBlocked = false
    for (const to of this.#to) {
      if (this.#socket.send(burst, this.#segmentBytes, to) === 'blocked') this.#isBlocked = true
    }
    if (this.#isBlocked) return
    this.#used = 0
    this.#count = 0
  }
}
