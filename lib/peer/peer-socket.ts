// The socket that one peer connection's QUIC endpoint sees. There is one address at its other end
// for good; what carries a datagram there, the relay or a direct path, can change between any two.
//
// So quiche knows nothing of paths. It could migrate between them by itself, but with version 0.18
// bbr stays at 3 Mbit/s after a migration and cubic takes seconds (60 to 20 ms, 20 to 100 Mbit/s,
// in memory); unseen, bbr has the new path's 92 Mbit/s a quarter of a second after the switch, and
// either end can switch at once.

import type { Address } from '../address.ts'
import type { DatagramHandler, SendResult, UdpSocket } from '../udp/index.ts'

/** What carries datagrams to the peer. */
export interface Carrier {
  /** As UdpSocket.send: datagrams of `segmentBytes`, the last of which may be shorter. */
  send(burst: Buffer, segmentBytes: number): SendResult
}

/** Datagrams that wait for the endpoint to be made. */
const MAX_EARLY = 8

/** Documentation addresses (RFC 3849), which no packet ever has. */
const LOCAL: Address = { ip: '2001:db8::1', port: 1 }
export const PEER: Address = { ip: '2001:db8::2', port: 1 }

export class PeerSocket implements UdpSocket {
  readonly address: Address = LOCAL
  readonly isUnfragmented = true
  readonly maxBurstBytes = 65_507
  readonly maxSegments = 64
  onWritable: (() => void) | undefined
  /** Whether a datagram may be the connection's; set once there is one. */
  knows: ((data: Buffer) => boolean) | undefined
  /** Something leaves. */
  onSend: (() => void) | undefined
  /** What came in was handled. */
  onBatch: (() => void) | undefined
  readonly closed: Promise<void>
  #settleClosed = (): void => {}
  #handler: DatagramHandler | undefined
  #carrier: Carrier | undefined
  #twin: Carrier | undefined
  #early: Buffer[] = []
  #isBatchOpen = false
  #isClosed = false

  constructor() {
    this.closed = new Promise(resolve => (this.#settleClosed = resolve))
  }

  /** From now on `carrier` has the datagrams, and `twin` a copy of each. */
  use(carrier: Carrier | undefined, twin?: Carrier): void {
    this.#carrier = carrier
    this.#twin = twin
  }

  start(handler: DatagramHandler): void {
    this.#handler = handler
    for (const data of this.#early.splice(0)) this.deliver(data, data.length)
  }

  send(burst: Buffer, segmentBytes: number): SendResult {
    if (this.#isClosed) return 'failed'
    this.onSend?.()
    this.#twin?.send(burst, segmentBytes)
    // Without any way they are lost, as on a cut line.
    return this.#carrier?.send(burst, segmentBytes) ?? 'sent'
  }

  /** A datagram of the peer, or several of `segmentBytes`. `data` is lent. */
  deliver(data: Buffer, segmentBytes: number | undefined): void {
    if (this.#isClosed) return
    if (this.#handler === undefined) {
      // A visitor's first packet comes while the owner still makes its certificate; without it he
      // would wait a second before he sends the next one.
      if (this.#early.length < MAX_EARLY) this.#early.push(Buffer.from(data))
      return
    }
    this.#handler.onDatagram(data, PEER, segmentBytes)
    if (this.#isBatchOpen) return
    this.#isBatchOpen = true
    setImmediate(() => this.endBatch())
  }

  /** All that came in this turn was delivered. */
  endBatch(): void {
    if (!this.#isBatchOpen || this.#isClosed) return
    this.#isBatchOpen = false
    this.#handler?.onBatchEnd()
    this.onBatch?.()
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.use(undefined)
    this.#settleClosed()
    return Promise.resolve()
  }
}
