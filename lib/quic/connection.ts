// One QUIC connection: feeds quiche, hands out streams, decides when to flush. The endpoint owns
// the socket and calls in; nothing here touches it. Order in one turn of the loop: all datagrams,
// then `process`, then one `flush`.

import type { Address } from '../address.ts'
import { TunnelError } from '../errors.ts'
import type { CloseReason } from '../transport/transport.ts'
import { activePath } from './active-path.ts'
import { ConnectionIds, type CidRegistry } from './cids.ts'
import { ALPN_OURS } from './config.ts'
import { QuicDatagrams } from './datagrams.ts'
import { ConnectionTimer } from './connection-timer.ts'
import { closeReason, isTlsFailure } from './failure.ts'
import { ABORTED } from './end-notices.ts'
import { FinGuard } from './fin-guard.ts'
import { NoticeChannel, type NoticeHost } from './notice-channel.ts'
import { firstPacketBytes, type PathFacts } from './packet.ts'
import type { Connection, HostPort, PathStats } from './quiche-types.ts'
import { Rebinding } from './rebinding.ts'
import { Sender } from './sender.ts'
import { StreamTable, type StreamTableHost } from './stream-table.ts'
import type { QuicStream } from './stream.ts'

/** What a connection needs of its endpoint. */
export interface ConnectionHost extends CidRegistry {
  readonly local: HostPort
  readonly scratch: Buffer
  replaceScratch(): void
  /** Sends what `native` has, as bursts; true when there is more than one turn may send. */
  transmit(connection: QuicConnection): boolean
  /** Calls `flush` before this turn of the loop ends. */
  scheduleFlush(connection: QuicConnection): void
  remove(connection: QuicConnection): void
}

export interface ConnectionOptions {
  readonly role: 'client' | 'server'
  readonly remote: Address
  readonly datagramBytes: number
  readonly keepaliveMs: number
  readonly idleTimeoutMs: number
  /** See config.ts. */
  readonly livenessMs?: number
  /** See config.ts. */
  readonly startDatagramBytes?: number
  /** See config.ts. */
  readonly isNear: boolean
  /** A client of ours: its moves are followed by rebinding.ts, not by quiche. */
  readonly isPinned: boolean
}

/**
 * Datagrams after which an acknowledgement is not held back any longer. Fewer than these, and the
 * flush waits ACK_HOLD_MS, so that an answer of the application carries the acknowledgement: an
 * echo then takes two packets instead of four.
 */
const ACK_EVERY = 8
const ACK_HOLD_MS = 1

/**
 * Bytes of packets after which DATAGRAM frames are taken out, also while more are being fed in: a
 * packet of 16,000 bytes can hold 140 of a game's.
 */
const DATAGRAMS_EVERY_BYTES = 16 << 10

/** New windows are announced at the latest when the application has read this many bytes. */
const WINDOW_UPDATE_BYTES = 128 << 10

const EMPTY: Buffer = Buffer.alloc(0)

export class QuicConnection implements StreamTableHost, NoticeHost {
  readonly native: Connection
  readonly cids: ConnectionIds
  readonly role: 'client' | 'server'
  readonly closed: Promise<CloseReason>
  readonly leastDatagramBytes: number
  readonly mostDatagramBytes: number
  readonly ready: Promise<void>
  onStream: ((stream: QuicStream) => void) | undefined
  /** The server's endpoint hands the connection over once the handshake is done. */
  onReady: (() => void) | undefined
  remote: Address
  /** Where datagrams come from, for quiche; one object, because it is read for every packet. */
  readonly #info: { from: HostPort; to: HostPort }
  /** Where the peer's packets come from; with a real frpc quiche decides where answers go. */
  #heardFrom: Address
  readonly #rebinding: Rebinding | undefined
  #datagramBytes: number
  readonly #host: ConnectionHost
  readonly #options: ConnectionOptions
  readonly #streams: StreamTable
  readonly #sender: Sender
  readonly #finGuard: FinGuard
  readonly #notices: NoticeChannel
  #datagrams: QuicDatagrams | undefined
  #isOurs = false
  #isNear: boolean
  #flushCount = 0
  #isEstablished = false
  #isOver = false
  #unflushed = 0
  #unannounced = 0
  #undrained = 0
  #isFlushScheduled = false
  #hasUnsentFin = false
  #holdTimer: NodeJS.Timeout | undefined
  readonly #timer: ConnectionTimer
  readonly #settleReady: { resolve: () => void; reject: (error: Error) => void }
  readonly #settleClosed: (reason: CloseReason) => void

  constructor(native: Connection, host: ConnectionHost, options: ConnectionOptions) {
    this.native = native
    this.role = options.role
    this.remote = options.remote
    this.mostDatagramBytes = options.datagramBytes
    this.leastDatagramBytes = options.startDatagramBytes ?? options.datagramBytes
    this.#datagramBytes = this.leastDatagramBytes
    this.#heardFrom = options.remote
    this.#rebinding = options.isPinned ? new Rebinding() : undefined
    this.#host = host
    this.#options = options
    this.#info = { from: hostPort(options.remote), to: host.local }
    this.#streams = new StreamTable(native, options.role, this)
    this.#timer = new ConnectionTimer(native, options, () => this.#onTimer())
    this.#finGuard = new FinGuard(this)
    this.#notices = new NoticeChannel(options.role, this)
    const { datagramBytes, isNear } = options
    this.#isNear = isNear
    this.#sender = new Sender(native, { gaugeId: this.#notices.streamId, datagramBytes, isNear })
    let settleReady = { resolve: (): void => {}, reject: (_error: Error): void => {} }
    let settleClosed = (_reason: CloseReason): void => {}
    this.ready = new Promise((resolve, reject) => {
      settleReady = { resolve, reject }
    })
    this.closed = new Promise(resolve => {
      settleClosed = resolve
    })
    this.#settleReady = settleReady
    this.#settleClosed = settleClosed
    // A server nobody waits on must not turn a failed handshake into an unhandled rejection.
    this.ready.catch(() => {})
    this.cids = new ConnectionIds(this, host)
  }

  get scratch(): Buffer {
    return this.#host.scratch
  }

  replaceScratch(): void {
    this.#host.replaceScratch()
  }

  get rttMs(): number | undefined {
    return this.pathStats?.rtt
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Packets that decrypted and were new. */
  get packetsReceived(): number {
    return this.native.stats().recv
  }

  /** Bytes that were sent and not acknowledged yet, about. */
  get bytesInFlight(): number {
    if (!this.#isEstablished || this.#isOver) return 0
    return this.#sender.bytesInFlight()
  }

  /** quiche's figures of its one path. */
  get pathStats(): PathStats | undefined {
    if (!this.#isEstablished || this.#isOver) return undefined
    return activePath(this.native)
  }

  /** DER; undefined before the handshake is done, and where the peer showed none. */
  get peerCertificate(): Uint8Array | undefined {
    return this.native.peerCertChain()?.[0]
  }

  /** Whether its way is near now; see config.ts. */
  get isNear(): boolean {
    return this.#isNear
  }

  /** Bytes of UDP payload of a full packet. */
  get datagramBytes(): number {
    return this.#datagramBytes
  }

  /**
   * The packets travel another way from now on, unseen by quiche: what was learnt of the old way's
   * queue means nothing. `datagramBytes`: what the new way takes, up to what the connection was
   * made for. The congestion control stays the one that it began with; on a near way nothing stands
   * before it.
   */
  handleRoute({ datagramBytes, isNear }: PathFacts): void {
    this.resize(datagramBytes)
    this.#isNear = isNear
    this.#sender.handleRoute(isNear)
  }

  /** From `startDatagramBytes` to `datagramBytes` of its options. */
  resize(datagramBytes: number): void {
    const { leastDatagramBytes, mostDatagramBytes } = this
    this.#datagramBytes = Math.max(leastDatagramBytes, Math.min(mostDatagramBytes, datagramBytes))
  }

  // ---- datagrams in

  handleDatagram(data: Buffer, from: Address): void {
    if (this.#isOver) return
    this.flushFins()
    if (from === this.#heardFrom) {
      this.#rebinding?.handleKnown()
      this.#receive(data)
    } else if (this.#rebinding) {
      const before = this.native.stats().recv
      this.#receive(data)
      const isNew = this.native.stats().recv > before
      if (isNew && this.#isEstablished && this.#rebinding.handleOther(from)) this.#heardFrom = from
    } else {
      this.#heardFrom = from
      this.#info.from = hostPort(from)
      this.#receive(data)
    }
  }

  /**
   * quiche drops what shares a datagram with a packet whose keys are gone. In a handshake that met
   * loss these are the first streams and datagrams (RFC 9000 section 12.2 has them processed).
   */
  #receive(data: Buffer): void {
    let rest = data
    let length = firstPacketBytes(rest)
    while (length < rest.length) {
      this.#receivePacket(rest.subarray(0, length))
      rest = rest.subarray(length)
      length = firstPacketBytes(rest)
    }
    this.#receivePacket(rest)
  }

  #receivePacket(data: Buffer): void {
    try {
      this.native.recv(data, this.#info)
      this.#unflushed++
      this.#undrained += data.length
      // quiche drops what does not fit its queue.
      if (this.#undrained >= DATAGRAMS_EVERY_BYTES) this.#drainDatagrams()
    } catch {
      // The packet ended the connection (quiche has queued the CONNECTION_CLOSE) or was not for
      // this state; `process` sees which.
      this.#unflushed += ACK_EVERY
    }
  }

  #drainDatagrams(): void {
    this.#undrained = 0
    this.#datagrams?.receive()
  }

  /** quiche knows one address for good: its packets go to `remote`, wherever that is by now. */
  get isPinned(): boolean {
    return this.#rebinding !== undefined
  }

  /** Everything of this turn has been fed in: serve streams, then flush now or a little later. */
  process(): void {
    if (this.#isOver) return
    const now = performance.now()
    this.#timer.handleHeard(now)
    if (!this.#isEstablished && this.native.isEstablished()) this.#establish()
    this.remote = this.#heardFrom
    if (this.#isEstablished) {
      this.#sender.handlePackets(now)
      this.#drainDatagrams()
      if (this.native.isReadable()) this.#streams.serveReadable()
      this.#sender.serve()
      this.#datagrams?.serveWritable()
      this.#notices.sendWaiting()
      this.#finGuard.retry(this.#unflushed > 0)
    }
    // Streams that wrote have scheduled a flush for the end of this turn: what they add until then,
    // a FIN above all, leaves in the same packet.
    if (this.#checkOver() || this.#isFlushScheduled) return
    const mustFlush =
      !this.#isEstablished ||
      this.#unflushed >= ACK_EVERY ||
      this.#unannounced >= WINDOW_UPDATE_BYTES
    if (mustFlush) this.flush()
    else if (!this.#holdTimer) {
      this.#holdTimer = setTimeout(() => this.flush(), ACK_HOLD_MS)
    }
  }

  #establish(): void {
    this.#isEstablished = true
    this.#timer.startPinging()
    this.#isOurs = Buffer.from(this.native.applicationProto()).toString('latin1') === ALPN_OURS
    this.#datagrams = QuicDatagrams.of(this)
    this.cids.offer()
    this.#settleReady.resolve()
    this.onReady?.()
  }

  /** Undefined before the handshake is done, and where the peer takes none. */
  get datagrams(): QuicDatagrams | undefined {
    return this.#datagrams
  }

  // ---- streams

  /** Opens a stream. Throws SESSION_CLOSED or LIMIT_EXCEEDED. */
  openStream(): QuicStream {
    if (this.#isOver) throw new TunnelError('SESSION_CLOSED', 'the QUIC connection is closed')
    if (this.#isEstablished && this.native.peerStreamsLeftBidi() < 1) {
      throw new TunnelError('LIMIT_EXCEEDED', 'the peer allows no more streams at once')
    }
    return this.#streams.open()
  }

  handleAccepted(stream: QuicStream): void {
    this.#notices.deliverEarly(stream)
    if (!stream.destroyed) this.onStream?.(stream)
  }

  handleUnidirectional(id: number): void {
    this.#notices.receive(id)
  }

  streamOf(id: number): QuicStream | undefined {
    return this.#streams.get(id)
  }

  isToCome(id: number): boolean {
    return this.#streams.isToCome(id)
  }

  awaitWindow(stream: QuicStream): void {
    this.#sender.wait(stream)
  }

  allowance(stream: QuicStream, wanted: number): number {
    return this.#sender.allowance(stream, wanted)
  }

  onBytesWritten(stream: QuicStream, count: number): void {
    this.#sender.handleSent(stream, count)
  }

  onBytesRead(count: number): void {
    this.#unannounced += count
    if (this.#unannounced >= WINDOW_UPDATE_BYTES) this.wake()
  }

  /** Asked for the last datagram of a flush. */
  takeCopy(bytes: number): boolean {
    return this.#sender.takeCopy(bytes)
  }

  finish(stream: QuicStream): boolean {
    // Its last bytes are still here: FIN leaves with them, in one frame.
    const isMerged = stream.lastSend?.flushCount === this.#flushCount
    // A peer of ours gets a notice; only a real one depends on the moment.
    const mayGo =
      isMerged ||
      this.#isOurs ||
      this.#finGuard.isSafe(stream, this.#unflushed > 0) ||
      this.#finGuard.hasSettled(stream)
    if (!mayGo) return false
    if (this.native.streamSend(stream.id, EMPTY, true) === null) {
      this.#sender.wait(stream)
      return false
    }
    this.#finGuard.forget(stream)
    if (isMerged) {
      this.wake()
      return true
    }
    // Also where nothing is in flight: this FIN can be lost itself, and quiche, for which all bytes
    // are acknowledged, may have forgotten the stream by then.
    if (this.#isOurs) {
      this.#notices.send({ streamId: stream.id, length: stream.bytesWritten })
    }
    this.#hasUnsentFin = true
    this.wake()
    return true
  }

  afterFin(streamId: number, stop: () => void): void {
    if (this.#isOurs || this.#isOver) stop()
    else this.#finGuard.hold(streamId, stop)
  }

  /**
   * quiche drops a FIN that is still unsent when it is next asked to read that stream, or hears of
   * its bytes: before either, FINs leave.
   */
  flushFins(): void {
    if (this.#hasUnsentFin) this.flush()
  }

  announceAbort(stream: QuicStream): void {
    if (this.#isOurs && !this.#isOver) this.#notices.send({ streamId: stream.id, length: ABORTED })
  }

  get flushCount(): number {
    return this.#flushCount
  }

  forget(id: number): void {
    const stream = this.#streams.get(id)
    if (!stream) return
    this.#streams.forget(stream)
    this.#finGuard.forget(stream)
    this.#sender.forget(stream)
  }

  /** Something waits in quiche: flush within this turn of the loop. */
  wake(): void {
    if (this.#isFlushScheduled || this.#isOver) return
    this.#isFlushScheduled = true
    this.#host.scheduleFlush(this)
  }

  // ---- datagrams out

  flush(): void {
    this.#isFlushScheduled = false
    if (this.#isOver) return
    if (this.#holdTimer) {
      clearTimeout(this.#holdTimer)
      this.#holdTimer = undefined
    }
    this.#hasUnsentFin = false
    if (this.#unannounced > 0) this.#sender.markUrgent()
    this.#unflushed = 0
    this.#unannounced = 0
    this.#flushCount++
    const isMore = this.#host.transmit(this)
    if (this.#checkOver()) return
    if (isMore) this.wake()
    this.#timer.arm()
  }

  #onTimer(): void {
    if (this.#isOver) return
    if (this.#timer.fire()) this.#sender.serve()
    if (!this.#checkOver()) this.flush()
  }

  // ---- the end

  /** Tells the peer and ends everything. Safe to call twice. */
  close(code: number, detail: string): void {
    if (this.#isOver) return
    // Once it is closing quiche sends nothing else, and what waits may be the last word of somebody
    // whose packets this connection carries.
    if (this.#isFlushScheduled) this.flush()
    if (this.#isOver) return
    try {
      this.native.close(true, code, Buffer.from(detail))
    } catch {
      // Done: it is closing already.
    }
    this.#host.transmit(this)
    this.#finish({ by: 'local', detail })
  }

  /**
   * The peer has proven with a stateless reset, or quiche with its state, that nothing more will
   * come.
   */
  #checkOver(): boolean {
    if (this.#isOver) return true
    if (this.cids.dropRetired() && this.#isEstablished) this.cids.offer()
    if (!this.native.isClosed() && !this.native.isDraining()) return false
    // When quiche ends it for a broken packet, its CONNECTION_CLOSE is still to be sent.
    this.#host.transmit(this)
    this.#finish(closeReason(this.native, this.#options.idleTimeoutMs))
    return true
  }

  #finish(reason: CloseReason): void {
    this.#isOver = true
    this.#timer.clear()
    clearTimeout(this.#holdTimer)
    this.#sender.close()
    this.#finGuard.close()
    const error = new TunnelError('SESSION_CLOSED', `the QUIC connection is over: ${reason.detail}`)
    this.#streams.destroyAll(error)
    this.cids.removeAll()
    this.#host.remove(this)
    this.#settleReady.reject(
      new TunnelError(isTlsFailure(this.native) ? 'TLS_FAILED' : 'CONNECT_FAILED', reason.detail),
    )
    this.#settleClosed(reason)
  }
}

function hostPort({ ip, port }: Address): HostPort {
  return { host: ip, port }
}
