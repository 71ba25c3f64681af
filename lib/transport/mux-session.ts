// A session whose streams share one connection (transport.tcpMux = true): yamux under the
// transport's interface.

import type { Duplex } from 'node:stream'
import type { Address } from '../address.ts'
import { MuxLink, type MuxOptions } from '../mux/index.ts'
import type { CloseReason, Protocol, Session, SessionStats, Stream } from './transport.ts'

export interface Ends {
  readonly localAddress: Address
  readonly remoteAddress: Address
}

export type MuxedOptions = MuxOptions & {
  /** What carries the connection. */
  readonly protocol: Protocol
}

export class MuxedSession implements Session {
  readonly protocol: Protocol
  readonly canOpen = true
  readonly closed: Promise<CloseReason>
  readonly #ends: Ends
  readonly #link: MuxLink

  /** Takes the connection over. */
  constructor(connection: Duplex, ends: Ends, { protocol, ...options }: MuxedOptions) {
    this.protocol = protocol
    this.#ends = ends
    this.#link = new MuxLink(connection, options)
    this.closed = this.#link.closed
  }

  get localAddress(): Address {
    return this.#ends.localAddress
  }

  get remoteAddress(): Address {
    return this.#ends.remoteAddress
  }

  openStream(): Promise<Stream> {
    return this.#link.open()
  }

  onStream(handler: (stream: Stream) => void): void {
    this.#link.onStream(handler)
  }

  stats(): SessionStats {
    const { rttMs } = this.#link
    return rttMs === undefined ? {} : { rttMs }
  }

  close(detail?: string): Promise<void> {
    return this.#link.close(detail)
  }
}
