// A QUIC connection as a session of the seam.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../address.ts'
import type { QuicConnection, QuicEndpoint } from '../quic/index.ts'
import type { CloseReason, DatagramChannel, Session, SessionStats, Stream } from './transport.ts'

const ANSWER_STEP_MS = 20

/** With an endpoint of its own, that ends with it. */
export class QuicSession implements Session {
  readonly protocol = 'quic'
  readonly canOpen = true
  readonly localAddress: Address
  readonly datagrams?: DatagramChannel
  readonly closed: Promise<CloseReason>
  readonly #connection: QuicConnection
  readonly #endpoint: QuicEndpoint | undefined
  #early: Stream[] = []

  constructor(connection: QuicConnection, localAddress: Address, endpoint?: QuicEndpoint) {
    this.#connection = connection
    this.localAddress = localAddress
    this.#endpoint = endpoint
    this.closed = connection.closed
    if (connection.datagrams) this.datagrams = connection.datagrams
    connection.onStream = stream => this.#early.push(stream)
    if (endpoint) void connection.closed.then(({ detail }) => endpoint.close(detail))
  }

  get remoteAddress(): Address {
    return this.#connection.remote
  }

  openStream(): Promise<Stream> {
    try {
      return Promise.resolve(this.#connection.openStream())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  onStream(handler: (stream: Stream) => void): void {
    this.#connection.onStream = handler
    for (const stream of this.#early.splice(0)) handler(stream)
  }

  stats(): SessionStats {
    const { rttMs, datagramBytes } = this.#connection
    return rttMs === undefined ? { datagramBytes } : { rttMs, datagramBytes }
  }

  async answers(ms: number): Promise<boolean> {
    const connection = this.#connection
    if (connection.isOver) return false
    const before = connection.packetsReceived
    connection.native.sendAckEliciting()
    connection.wake()
    for (let waited = 0; waited < ms && !connection.isOver; waited += ANSWER_STEP_MS) {
      await sleep(ANSWER_STEP_MS)
      if (connection.packetsReceived > before) return true
    }
    return false
  }

  async close(detail = ''): Promise<void> {
    this.#connection.close(0, detail)
    await this.#endpoint?.close(detail)
  }
}
