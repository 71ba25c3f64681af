// QUIC DATAGRAM frames (RFC 9221) of one connection. quiche keeps a short queue: whoever sends
// keeps the rest, where it can still be dropped in favour of what is newer.

import type { DatagramChannel } from '../transport/transport.ts'
import type { Connection } from './quiche-types.ts'

/** What the channel needs of its connection. */
export interface DatagramHost {
  readonly native: Connection
  readonly isOver: boolean
  /** See config.ts. */
  readonly isNear: boolean
  /** UDP payload of a full packet on the smallest and the largest of the connection's ways. */
  readonly leastDatagramBytes: number
  readonly mostDatagramBytes: number
  /** Sends what quiche holds, now. */
  flush(): void
  /** Sends it before this turn of the loop ends. */
  wake(): void
}

/**
 * quiche's own queues, in datagrams: one burst of GSO out, or on a near path what fills some packets
 * of 16,000 bytes; in what is fed in before it is taken out again (connection.ts).
 */
export const DATAGRAM_SEND_QUEUE = 64
export const NEAR_DATAGRAM_SEND_QUEUE = 512
export const DATAGRAM_RECEIVE_QUEUE = 2048

/** Lent to handlers; one for all, as a handler has it only while it runs. */
const lent = Buffer.allocUnsafeSlow(65_536)

export class QuicDatagrams implements DatagramChannel {
  readonly maxBytes: number
  readonly #host: DatagramHost
  #handler: ((payload: Buffer) => void) | undefined
  #onWritable: (() => void) | undefined
  #isRefused = false

  private constructor(host: DatagramHost, maxBytes: number) {
    this.#host = host
    this.maxBytes = maxBytes
  }

  /** Undefined when the peer takes no DATAGRAM frames. To be asked after the handshake. */
  static of(host: DatagramHost): QuicDatagrams | undefined {
    const writable = host.native.dgramMaxWritableLen()
    if (writable === null) return undefined
    // quiche would keep a frame that does not fit the packet, and all those behind it.
    const maxBytes = writable - (host.mostDatagramBytes - host.leastDatagramBytes)
    return maxBytes <= 0 ? undefined : new QuicDatagrams(host, maxBytes)
  }

  get isNear(): boolean {
    return this.#host.isNear
  }

  send(payload: Uint8Array): boolean {
    const { native } = this.#host
    if (payload.length > this.maxBytes || this.#host.isOver) return false
    try {
      // A full queue may only mean that this turn has sent a lot.
      if (native.isDgramSendQueueFull()) this.#host.flush()
      if (native.isDgramSendQueueFull()) {
        this.#isRefused = true
        return false
      }
      native.dgramSend(payload)
    } catch {
      // The connection is over, which its owner learns elsewhere.
      return false
    }
    this.#host.wake()
    return true
  }

  onDatagram(handler: (payload: Buffer) => void): void {
    this.#handler = handler
  }

  onWritable(handler: () => void): void {
    this.#onWritable = handler
  }

  /** Delivers what has come; called when packets have been fed in. */
  receive(): void {
    const { native } = this.#host
    for (;;) {
      const length = native.dgramRecv(lent)
      if (length === null) return
      this.#handler?.(lent.subarray(0, length))
    }
  }

  /** Called when acknowledgements may have made room. */
  serveWritable(): void {
    if (!this.#isRefused || this.#host.native.isDgramSendQueueFull()) return
    this.#isRefused = false
    this.#onWritable?.()
  }
}
