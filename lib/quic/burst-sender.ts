// What leaves by one socket: each connection's packets in bursts, and nothing while the kernel has
// no room.

import type { Address } from '../address.ts'
import type { UdpSocket } from '../udp/socket.ts'
import type { QuicConnection } from './connection.ts'
import { COPY_DELAY_MS, SMALL_DATAGRAM_BYTES } from './second-copy.ts'

/** Bursts a connection may send before the others and the event loop get their turn: 1 MiB. */
const BURSTS_PER_TURN = 16

type Source = Pick<
  QuicConnection,
  'native' | 'remote' | 'datagramBytes' | 'isPinned' | 'takeCopy'
>

export class BurstSender {
  readonly #socket: UdpSocket
  readonly #burst = Buffer.allocUnsafeSlow(2 * 65_536)
  readonly #views = new Map<number, Buffer[]>()
  #isBlocked = false
  #isClosed = false

  constructor(socket: UdpSocket) {
    this.#socket = socket
  }

  /** The kernel has room again. */
  handleWritable(): void {
    this.#isBlocked = false
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#isClosed = true
  }

  /**
   * Sends what a connection has; true when there is more than one turn may send. A burst is a run of
   * full datagrams to one address; a shorter one ends it (that is GSO's rule: all segments equal but
   * the last).
   */
  transmit(connection: Source): boolean {
    if (this.#isBlocked || this.#isClosed) return false
    const { native, datagramBytes, isPinned } = connection
    const views = this.#viewsOf(datagramBytes)
    const limit = Math.min(views.length, this.#socket.maxSegments)
    let to: Address = connection.remote
    let count = 0
    for (let bursts = 0; bursts < BURSTS_PER_TURN;) {
      const view = views[count] ?? this.#burst
      const packet = native.send(view)
      if (packet === null) {
        if (count > 0) this.#send(count * datagramBytes, datagramBytes, to)
        return false
      }
      const [length, { to: target }] = packet
      if (!isPinned && (target.port !== to.port || target.host !== to.ip)) {
        // Another path: what is gathered goes the old way, this packet moves to the head.
        if (count > 0) {
          this.#send(count * datagramBytes, datagramBytes, to)
          view.copy(this.#burst, 0, 0, length)
          count = 0
        }
        to = { ip: target.host, port: target.port }
      }
      count++
      if (length < datagramBytes || count >= limit) {
        if (count === 1 && length <= SMALL_DATAGRAM_BYTES && connection.takeCopy(length)) {
          this.#sendAgain(Buffer.from(view.subarray(0, length)), to)
        }
        this.#send((count - 1) * datagramBytes + length, datagramBytes, to)
        count = 0
        bursts++
        if (this.#isBlocked) return false
      }
    }
    return true
  }

  /** Slices of the burst buffer, one datagram each; making them once saves an object per packet. */
  #viewsOf(datagramBytes: number): Buffer[] {
    const known = this.#views.get(datagramBytes)
    if (known) return known
    const count = Math.max(1, Math.min(64, Math.floor(this.#socket.maxBurstBytes / datagramBytes)))
    const views = Array.from({ length: count }, (_, index) =>
      this.#burst.subarray(index * datagramBytes, (index + 1) * datagramBytes),
    )
    if (this.#views.size < 16) this.#views.set(datagramBytes, views)
    return views
  }

  #send(length: number, segment: number, to: Address): void {
    const result = this.#socket.send(this.#burst.subarray(0, length), segment, to)
    // The burst is lost to the full buffer; QUIC sends it again. Everybody waits until there is
    // room.
    if (result === 'blocked') this.#isBlocked = true
  }

  /** See second-copy.ts. */
  #sendAgain(copy: Buffer, to: Address): void {
    setTimeout(() => {
      if (!this.#isClosed && !this.#isBlocked) this.#socket.send(copy, copy.length, to)
    }, COPY_DELAY_MS)
  }
}
