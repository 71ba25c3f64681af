// Sessions without multiplexing (transport.tcpMux = false, frp-wire.md §1.10): each stream is a
// connection of its own. The server's end of one is a session with exactly one stream; the client's
// end dials for every stream.

import type { Duplex } from 'node:stream'
import { errorText, TunnelError } from '../errors.ts'
import type { Ends } from './mux-session.ts'
import type { CloseReason, Protocol, Session, SessionStats, Stream } from './transport.ts'
import type { Address } from '../address.ts'

/** A peer that does not take the last bytes in this time is cut off. */
const CLOSE_WAIT_MS = 1000

export interface Connection extends Ends {
  readonly stream: Duplex
}

/** The server's end: `onStream` hands over the one stream there is. */
export class BareServerSession implements Session {
  readonly protocol: Protocol = 'tcp'
  readonly canOpen = false
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly closed: Promise<CloseReason>
  readonly #stream: Duplex
  readonly #ending: Ending
  #isHandedOver = false

  /** Takes the connection over. */
  constructor({ stream, localAddress, remoteAddress }: Connection) {
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.#stream = stream
    this.#ending = new Ending(stream)
    this.closed = this.#ending.closed
  }

  async openStream(): Promise<Stream> {
    throw new TunnelError('UNSUPPORTED', 'without tcpMux only the client opens streams')
  }

  onStream(handler: (stream: Stream) => void): void {
    if (this.#isHandedOver) return
    this.#isHandedOver = true
    handler(this.#stream)
  }

  stats(): SessionStats {
    return {}
  }

  async close(detail = 'closed'): Promise<void> {
    this.#ending.close(detail)
    await closeGently(this.#stream)
  }
}

/**
 * The client's end. The first connection is made before the session exists, and becomes its first
 * stream.
 */
export class BareClientSession implements Session {
  readonly protocol: Protocol = 'tcp'
  readonly canOpen = true
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly closed: Promise<CloseReason>
  readonly #dial: () => Promise<Connection>
  readonly #ending: Ending
  readonly #streams = new Set<Duplex>()
  #first: Duplex | undefined
  #isClosed = false

  /**
   * Lives as long as `first`: that is the control's connection. Others may live on after it, as in
   * frp.
   */
  constructor(first: Connection, dial: () => Promise<Connection>) {
    this.localAddress = first.localAddress
    this.remoteAddress = first.remoteAddress
    this.#first = first.stream
    this.#dial = dial
    this.#ending = new Ending(first.stream)
    this.closed = this.#ending.closed
    void this.closed.then(() => (this.#isClosed = true))
    this.#track(first.stream)
  }

  async openStream(): Promise<Stream> {
    const first = this.#first
    this.#first = undefined
    if (!this.#isClosed && first && !first.destroyed) return first
    if (!this.#isClosed) {
      const { stream } = await this.#dial()
      this.#track(stream)
      // The session may have been closed while this was on its way.
      if (!this.#isClosed) return stream
      stream.destroy()
    }
    throw new TunnelError('SESSION_CLOSED', 'the session is closed')
  }

  /** Nobody opens streams towards a client here. */
  onStream(): void {}

  stats(): SessionStats {
    return {}
  }

  async close(detail = 'closed'): Promise<void> {
    this.#isClosed = true
    this.#ending.close(detail)
    await Promise.all([...this.#streams].map(closeGently))
  }

  #track(stream: Duplex): void {
    this.#streams.add(stream)
    stream.once('close', () => this.#streams.delete(stream))
  }
}

/** Watches how a connection ends. */
class Ending {
  readonly closed: Promise<CloseReason>
  readonly #stream: Duplex
  #reason: CloseReason | undefined

  constructor(stream: Duplex) {
    this.#stream = stream
    let error: Error | undefined
    stream.on('error', thrown => (error = thrown)) // also keeps a reset from ending the process
    this.closed = new Promise(resolve => {
      stream.once('close', () => {
        if (this.#reason) resolve(this.#reason)
        else if (error) resolve({ by: 'lost', detail: errorText(error) })
        else if (stream.readableEnded) resolve({ by: 'remote', detail: 'the peer closed it' })
        else resolve({ by: 'local', detail: 'the stream was closed' })
      })
    })
  }

  close(detail: string): void {
    if (!this.#stream.closed) this.#reason ??= { by: 'local', detail }
  }
}

async function closeGently(stream: Duplex): Promise<void> {
  if (stream.closed) return
  const closed = new Promise(resolve => stream.once('close', resolve))
  const timer = setTimeout(() => stream.destroy(), CLOSE_WAIT_MS)
  timer.unref()
  // 'finish' comes when everything written and the end itself have gone to the system.
  if (stream.writableFinished) stream.destroy()
  else stream.end(() => stream.destroy())
  await closed
  clearTimeout(timer)
}
