// Sessions inside one process, for tests of everything above the transport. It is the strictest
// transport on purpose: a peer learns of a stream with its first bytes, as in QUIC, and nothing is
// delivered in the caller's own turn.

import { Duplex } from 'node:stream'
import type { Address } from '../address.ts'
import { TunnelError } from '../errors.ts'
import type {
  CloseReason,
  DatagramChannel,
  Dialer,
  Listener,
  ListenerEvents,
  Session,
  SessionStats,
  Stream,
} from './transport.ts'

/** Largest datagram: what QUIC carries on the internet. */
const DATAGRAM_BYTES = 1_200
/** Datagrams under way in one turn of the loop; past it the link is full. */
const DATAGRAM_QUEUE = 1_024

/** Bytes a stream takes for a reader that does not read: this much at each end. */
const STREAM_BUFFER_BYTES = 65_536

const CLIENT_ADDRESS: Address = { ip: '127.0.0.1', port: 50_000 }
const SERVER_ADDRESS: Address = { ip: '127.0.0.1', port: 7000 }

export interface MemoryPairOptions {
  /**
   * False plays a link without multiplexing, where the server cannot open streams. Default true.
   */
  readonly serverCanOpen?: boolean
  /** False plays a link without datagrams. Default true. */
  readonly datagrams?: boolean
  readonly clientAddress?: Address
  readonly serverAddress?: Address
}

/** A session that a test can also break. */
export interface MemorySession extends Session {
  readonly protocol: 'memory'
  /** The network is gone: both sides are `lost` and every unfinished stream fails. */
  sever(detail?: string): void
}

/** Two ends of one session, client first. */
export function memoryPair(
  options: MemoryPairOptions = {},
): [client: MemorySession, server: MemorySession] {
  const clientAddress = options.clientAddress ?? CLIENT_ADDRESS
  const serverAddress = options.serverAddress ?? SERVER_ADDRESS
  const client = new MemoryEnd(clientAddress, serverAddress, true)
  const server = new MemoryEnd(serverAddress, clientAddress, options.serverCanOpen ?? true)
  client.join(server)
  server.join(client)
  if (options.datagrams !== false) {
    client.datagrams = new MemoryDatagrams(client)
    server.datagrams = new MemoryDatagrams(server)
    client.datagrams.join(server.datagrams)
    server.datagrams.join(client.datagrams)
  }
  return [client, server]
}

/** The ports of a pretended network. */
export class MemoryNetwork {
  readonly #listeners = new Map<number, ListenerEvents>()
  readonly #sessions = new Set<MemorySession>()
  #nextPort = 40_000

  /** Sessions that are not closed, both ends of each; a test severs them. */
  get sessions(): readonly MemorySession[] {
    return [...this.#sessions]
  }

  listen(port: number, events: ListenerEvents): Address {
    const chosen = port === 0 ? this.#nextPort++ : port
    if (this.#listeners.has(chosen)) {
      throw new TunnelError('ADDRESS_IN_USE', `memory port ${chosen} is taken`)
    }
    this.#listeners.set(chosen, events)
    return { ip: '127.0.0.1', port: chosen }
  }

  unlisten(port: number): void {
    this.#listeners.delete(port)
  }

  connect(port: number): MemorySession {
    const events = this.#listeners.get(port)
    if (!events) throw new TunnelError('CONNECT_FAILED', `nobody listens on memory port ${port}`)
    const [client, server] = memoryPair({
      clientAddress: { ip: '127.0.0.1', port: this.#nextPort++ },
      serverAddress: { ip: '127.0.0.1', port },
    })
    for (const session of [client, server]) {
      this.#sessions.add(session)
      void session.closed.then(() => this.#sessions.delete(session))
    }
    queueMicrotask(() => events.onSession(server))
    return client
  }
}

export interface MemoryPort {
  readonly network: MemoryNetwork
  /** 0 lets a listener choose a free one. */
  readonly port: number
}

/** Rejects with ADDRESS_IN_USE. Closing the listener leaves its sessions open. */
export async function memoryListener(
  { network, port }: MemoryPort,
  events: ListenerEvents,
): Promise<Listener> {
  const address = network.listen(port, events)
  return {
    protocol: 'memory',
    address,
    async close() {
      network.unlisten(address.port)
    },
  }
}

export function memoryDialer({ network, port }: MemoryPort): Dialer {
  return {
    protocol: 'memory',
    async dial({ signal } = {}) {
      if (signal?.aborted) throw new TunnelError('ABORTED', `dial of memory port ${port} aborted`)
      return network.connect(port)
    },
    async close() {},
  }
}

class MemoryEnd implements MemorySession {
  readonly protocol = 'memory'
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly canOpen: boolean
  readonly closed: Promise<CloseReason>
  datagrams?: MemoryDatagrams
  readonly #streams = new Set<MemoryStream>()
  readonly #waiting: MemoryStream[] = []
  readonly #resolveClosed: (reason: CloseReason) => void
  #isClosed = false
  #handler: ((stream: Stream) => void) | undefined
  #peer: MemoryEnd | undefined

  constructor(localAddress: Address, remoteAddress: Address, canOpen: boolean) {
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.canOpen = canOpen
    let resolve: (reason: CloseReason) => void = () => {}
    this.closed = new Promise(done => (resolve = done))
    this.#resolveClosed = resolve
  }

  join(peer: MemoryEnd): void {
    this.#peer = peer
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  async openStream(): Promise<Stream> {
    const peer = this.#peer
    if (this.#isClosed || !peer) throw new TunnelError('SESSION_CLOSED', 'the session is closed')
    if (!this.canOpen) throw new TunnelError('UNSUPPORTED', 'only the client opens streams here')
    const theirs: MemoryStream = new MemoryStream(() => {})
    const ours = new MemoryStream(() => queueMicrotask(() => peer.#accept(theirs)))
    ours.join(theirs)
    theirs.join(ours)
    this.#track(ours)
    return ours
  }

  onStream(handler: (stream: Stream) => void): void {
    this.#handler = handler
    for (const stream of this.#waiting.splice(0)) handler(stream)
  }

  stats(): SessionStats {
    return {}
  }

  async close(detail = 'closed'): Promise<void> {
    if (this.#isClosed) return
    this.#end({ by: 'local', detail })
    const peer = this.#peer
    if (!peer) return
    queueMicrotask(() => peer.#end({ by: 'remote', detail }))
    await peer.closed
  }

  sever(detail = 'the network is gone'): void {
    this.#end({ by: 'lost', detail })
    const peer = this.#peer
    if (peer) peer.#end({ by: 'lost', detail })
  }

  #accept(stream: MemoryStream): void {
    if (this.#isClosed) return
    this.#track(stream)
    if (this.#handler) this.#handler(stream)
    else this.#waiting.push(stream)
  }

  #track(stream: MemoryStream): void {
    this.#streams.add(stream)
    stream.once('close', () => this.#streams.delete(stream))
  }

  #end(reason: CloseReason): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const stream of this.#streams) stream.abandon(reason.detail)
    this.#resolveClosed(reason)
  }
}

/** Loses nothing and keeps the order, but says no when it is full. */
class MemoryDatagrams implements DatagramChannel {
  readonly maxBytes = DATAGRAM_BYTES
  readonly #end: MemoryEnd
  #peer: MemoryDatagrams | undefined
  #handler: ((payload: Buffer) => void) | undefined
  #onWritable: (() => void) | undefined
  #underWay: Buffer[] = []
  #isRefused = false

  constructor(end: MemoryEnd) {
    this.#end = end
  }

  join(peer: MemoryDatagrams): void {
    this.#peer = peer
  }

  send(payload: Uint8Array): boolean {
    if (payload.length > this.maxBytes || this.#end.isClosed) return false
    if (this.#underWay.length >= DATAGRAM_QUEUE) {
      this.#isRefused = true
      return false
    }
    if (this.#underWay.length === 0) queueMicrotask(() => this.#deliver())
    this.#underWay.push(Buffer.from(payload))
    return true
  }

  onDatagram(handler: (payload: Buffer) => void): void {
    this.#handler = handler
  }

  onWritable(handler: () => void): void {
    this.#onWritable = handler
  }

  #deliver(): void {
    const arrived = this.#underWay
    this.#underWay = []
    const peer = this.#peer
    if (peer && !peer.#end.isClosed) {
      for (const payload of arrived) {
        peer.#handler?.(payload)
        // It was lent: who kept it sees so.
        payload.fill(0xdd)
      }
    }
    if (!this.#isRefused) return
    this.#isRefused = false
    this.#onWritable?.()
  }
}

class MemoryStream extends Duplex {
  readonly #announce: () => void
  #isAnnounced = false
  #peer: MemoryStream | undefined
  #heldWrite: (() => void) | undefined // our write that waits for the peer's reader
  #hasSentEnd = false
  #hasReceivedEnd = false
  #isPeerGone = false

  constructor(announce: () => void) {
    super({ allowHalfOpen: true, highWaterMark: STREAM_BUFFER_BYTES })
    this.#announce = announce
    // A reset that comes before its owner listens must not end the process; the owner sees 'close'
    // or `errored`.
    this.on('error', () => {})
  }

  join(peer: MemoryStream): void {
    this.#peer = peer
  }

  /** The session ended: what needs it no longer stays readable to its end. */
  abandon(detail: string): void {
    if (this.#hasSentEnd && this.#hasReceivedEnd) return
    this.destroy(new TunnelError('SESSION_CLOSED', `the session ended: ${detail}`))
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    this.#show()
    if (this.#isPeerGone) {
      callback(peerReset())
      return
    }
    // A copy, as a network makes one: a caller that reuses its buffer must not change what was
    // sent.
    const copy = Buffer.from(chunk)
    queueMicrotask(() => {
      const peer = this.#peer
      if (this.destroyed || this.#isPeerGone || !peer || peer.destroyed) {
        callback(peerReset())
      } else if (peer.push(copy)) callback()
      else this.#heldWrite = callback
    })
  }

  override _read(): void {
    const peer = this.#peer
    if (!peer) return
    const held = peer.#heldWrite
    if (!held) return
    peer.#heldWrite = undefined
    queueMicrotask(held)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#show()
    this.#hasSentEnd = true
    const peer = this.#peer
    queueMicrotask(() => {
      if (peer && !peer.destroyed) {
        peer.#hasReceivedEnd = true
        peer.push(null)
      }
      callback()
    })
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const peer = this.#peer
    const isComplete = this.#hasSentEnd && this.#hasReceivedEnd
    this.#heldWrite = undefined
    if (peer && !isComplete) {
      queueMicrotask(() => {
        peer.#isPeerGone = true
        const held = peer.#heldWrite
        // As with TCP: after a clean end the peer can read what was sent; it fails when it writes
        // again.
        if (!this.#hasSentEnd || held) peer.destroy(peerReset())
      })
    }
    callback(error)
  }

  #show(): void {
    if (this.#isAnnounced) return
    this.#isAnnounced = true
    this.#announce()
  }
}

function peerReset(): TunnelError {
  return new TunnelError('STREAM_RESET', 'the peer reset the stream')
}
