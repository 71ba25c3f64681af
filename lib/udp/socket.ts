// The UDP socket as the endpoint sees it: batches in, segmented bursts out. `batch.ts` fills it in
// with recvmmsg and GSO where koffi loads, `dgram.ts` with plain node:dgram everywhere else.

import type { Address } from '../address.ts'

/** Receives what a socket reads. */
export interface DatagramHandler {
  /**
   * One datagram, or several of `segmentBytes` each glued together by the kernel (UDP GRO; the last
   * may be shorter). Undefined means that the size is not known: the first read of a wake-up goes
   * through libuv, which drops it. `data` is valid only during the call. `from` is one object per
   * remote address, so `===` compares addresses.
   */
  onDatagram(data: Buffer, from: Address, segmentBytes: number | undefined): void
  /** The socket has been drained: time to answer everything at once. */
  onBatchEnd(): void
}

/**
 * `endpoint`: datagrams over the path MTU are refused and received ones may come glued together, as
 * a QUIC endpoint wants it. `packets`: the kernel fragments what is long, and each reception is one
 * datagram (`segmentBytes` means nothing): other people's packets stay as they are.
 */
export interface UdpSocketOptions {
  readonly use?: 'endpoint' | 'packets'
}

/** Why bytes did not leave. `blocked`: the kernel's buffer is full; wait for `onWritable`. */
export type SendResult = 'sent' | 'blocked' | 'too-big' | 'failed'

export interface UdpSocket {
  readonly address: Address
  /**
   * True where a datagram over the path MTU is refused or dropped, never fragmented: a probe means
   * something.
   */
  readonly isUnfragmented: boolean
  /** Most bytes and most segments one `send` takes. */
  readonly maxBurstBytes: number
  readonly maxSegments: number
  /**
   * Sends `burst` to one address as datagrams of `segmentBytes`, the last of which may be shorter.
   * The bytes have left, or were copied, when it returns.
   */
  send(burst: Buffer, segmentBytes: number, to: Address): SendResult
  /**
   * One datagram that routers drop after `ttl` hops: it opens our NAT and does not reach the other
   * one. Absent where the system cannot set it for a single datagram.
   */
  sendWithTtl?(datagram: Buffer, to: Address, ttl: number): SendResult
  /** Called once after a `blocked` send, when it is worth trying again. */
  onWritable: (() => void) | undefined
  start(handler: DatagramHandler): void
  close(): Promise<void>
}

/**
 * Kernel buffers asked for on either socket. 8 MiB holds 10 ms of a 6 Gbit/s loopback burst; the
 * kernel may cap it.
 */
export const SOCKET_BUFFER_BYTES: number = 8 << 20

/**
 * One object per remote address, so that the data plane compares addresses by identity. Bounded:
 * the oldest go.
 */
export class AddressBook {
  readonly #known = new Map<string, Address>()
  readonly #limit: number

  constructor(limit: number = 16_384) {
    this.#limit = limit
  }

  /** The shared object for a key of the caller's choice (raw sockaddr bytes, or `ip:port`). */
  lookup(key: string, make: () => Address): Address {
    const known = this.#known.get(key)
    if (known) return known
    if (this.#known.size >= this.#limit) {
      const oldest = this.#known.keys().next()
      if (!oldest.done) this.#known.delete(oldest.value)
    }
    const made = make()
    this.#known.set(key, made)
    return made
  }
}
