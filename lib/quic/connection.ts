// One QUIC connection: feeds quiche, hands out streams, decides when to flush. The endpoint owns
// the socket and calls in; nothing here touches it. Order in one turn of the loop: all datagrams,
// then `process`, then one `flush`.

import { randomBytes } from 'node:crypto'
import type { Address } from '../address.ts'
import { TunnelError } from '../errors.ts'
import type { CloseReason } from '../transport/transport.ts'
import { closeReason, isTlsFailure } from './failure.ts'
import { ALPN_OURS } from './config.ts'
import { EndNoticeReader, encodeEndNotice, type EndNotice } from './end-notices.ts'
import { FinGuard } from './fin-guard.ts'
import { CID_BYTES, cidKey } from './packet.ts'
import type { Connection, HostPort } from './quiche-types.ts'
import { Rebinding } from './rebinding.ts'
import { QuicStream, type StreamHost } from './stream.ts'

/** What a connection needs of its endpoint. */
export interface ConnectionHost {
  readonly local: HostPort
  readonly scratch: Buffer
  replaceScratch(): void
  /** Sends what `native` has, as bursts; true when there is more than one turn may send. */
  transmit(connection: QuicConnection): boolean
  /** Calls `flush` before this turn of the loop ends. */
  scheduleFlush(connection: QuicConnection): void
  addCid(key: string, connection: QuicConnection): void
  removeCid(key: string): void
  /** The token that a stateless reset for this id will carry, as quiche takes it. */
  resetToken(cid: Uint8Array): bigint
  remove(connection: QuicConnection): void
}

export interface ConnectionOptions {
  readonly role: 'client' | 'server'
  readonly remote: Address
  readonly datagramBytes: number
  readonly keepaliveMs: number
  readonly idleTimeoutMs: number
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
 * Bytes read by the application after which new windows are announced without waiting for something
 * to send.
 */
const WINDOW_UPDATE_BYTES = 128 << 10

/**
 * A client pings at least this often. A frps that was killed and started again answers the ping
 * with a stateless reset, so its loss is noticed within 1 s instead of an idle time-out (30 s), and
 * frpc is back within 3 s even on a busy machine (with 2 s it took up to 2.98 s). About 60 bytes a
 * second each way.
 */
const LIVENESS_MS = 1000

/** RFC 9000 section 2.1: the second bit of a stream id says that it has one direction. */
const UNIDIRECTIONAL = 2

/**
 * Notices that may overtake their streams; a stream's first bytes and its end are seldom far apart.
 */
const MAX_EARLY_NOTICES = 1024

const EMPTY: Buffer = Buffer.alloc(0)

export class QuicConnection implements StreamHost {
  readonly native: Connection
  readonly role: 'client' | 'server'
  readonly datagramBytes: number
  readonly closed: Promise<CloseReason>
  readonly ready: Promise<void>
  onStream: ((stream: QuicStream) => void) | undefined
  /** The server's endpoint hands the connection over once the handshake is done. */
  onReady: (() => void) | undefined
  remote: Address
  /**
   * What quiche is told about where datagrams come from; one object, because it is read for every
   * packet.
   */
  readonly #info: { from: HostPort; to: HostPort }
  /**
   * Where the peer is, as far as its packets tell; with a real frpc quiche decides which path
   * carries answers.
   */
  #heardFrom: Address
  readonly #rebinding: Rebinding | undefined
  readonly #host: ConnectionHost
  readonly #options: ConnectionOptions
  readonly #streams = new Map<number, QuicStream>()
  readonly #blocked = new Set<QuicStream>()
  readonly #cids = new Set<string>()
  readonly #finGuard: FinGuard
  #isOurs = false
  readonly #noticeId: number
  readonly #noticeReader = new EndNoticeReader()
  readonly #earlyNotices = new Map<number, number>()
  #outgoingNotices: Buffer = EMPTY
  #flushCount = 0
  #nextId: number
  #nextPeerId: number
  /** Peer ids below `#nextPeerId` that no frame has named yet. */
  readonly #skippedPeerIds = new Set<number>()
  #isEstablished = false
  #isOver = false
  #unflushed = 0
  #unannounced = 0
  #isFlushScheduled = false
  #holdTimer: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #heardAt = performance.now()
  readonly #settleReady: { resolve: () => void; reject: (error: Error) => void }
  readonly #settleClosed: (reason: CloseReason) => void

  constructor(native: Connection, host: ConnectionHost, options: ConnectionOptions) {
    this.native = native
    this.#finGuard = new FinGuard(native)
    this.role = options.role
    this.remote = options.remote
    this.datagramBytes = options.datagramBytes
    this.#heardFrom = options.remote
    this.#rebinding = options.isPinned ? new Rebinding() : undefined
    this.#host = host
    this.#options = options
    this.#info = { from: hostPort(options.remote), to: host.local }
    this.#noticeId = UNIDIRECTIONAL + (options.role === 'client' ? 0 : 1)
    this.#nextId = options.role === 'client' ? 0 : 1
    this.#nextPeerId = options.role === 'client' ? 1 : 0
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
    this.#addCid(cidKey(native.sourceId()))
  }

  get scratch(): Buffer {
    return this.#host.scratch
  }

  replaceScratch(): void {
    this.#host.replaceScratch()
  }

  get isEstablished(): boolean {
    return this.#isEstablished
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get streamCount(): number {
    return this.#streams.size
  }

  get rttMs(): number | undefined {
    if (!this.#isEstablished || this.#isOver) return undefined
    return this.native.pathStats().find(path => path.active)?.rtt
  }

  // ---- datagrams in

  handleDatagram(data: Uint8Array, from: Address): void {
    if (this.#isOver) return
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

  #receive(data: Uint8Array): void {
    try {
      this.native.recv(data, this.#info)
      this.#unflushed++
    } catch {
      // The packet ended the connection (quiche has queued the CONNECTION_CLOSE) or was not for
      // this state; `process` sees which.
      this.#unflushed += ACK_EVERY
    }
  }

  /**
   * quiche knows one address of the peer for good: what it sends goes to `remote`, wherever that is
   * by now.
   */
  get isPinned(): boolean {
    return this.#rebinding !== undefined
  }

  /** Everything of this turn has been fed in: serve streams, then flush now or a little later. */
  process(): void {
    if (this.#isOver) return
    this.#heardAt = performance.now()
    if (!this.#isEstablished && this.native.isEstablished()) this.#establish()
    this.remote = this.#heardFrom
    if (this.#isEstablished) {
      this.#serveReadable()
      this.#serveWritable()
      this.#sendNotices()
      this.#finGuard.retry()
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
    this.#isOurs = Buffer.from(this.native.applicationProto()).toString('latin1') === ALPN_OURS
    this.#offerCids()
    this.#settleReady.resolve()
    this.onReady?.()
  }

  /**
   * Gives the peer spare ids, so that a rebinding or a new path never lacks one. A real frpc moves
   * to one as soon as the handshake is done, so each has the token that a restarted server would
   * reset it with.
   */
  #offerCids(): void {
    while (this.native.sourceCidsLeft() > 0) {
      const cid = randomBytes(CID_BYTES)
      try {
        this.native.newSourceCid(cid, this.#host.resetToken(cid), false)
      } catch {
        // The peer's limit is reached: it has what it wants.
        return
      }
      this.#addCid(cidKey(cid))
    }
  }

  #retireCids(): void {
    let isRetired = false
    for (
      let cid = this.native.retiredScidNext();
      cid !== null;
      cid = this.native.retiredScidNext()
    ) {
      this.removeCid(cidKey(cid))
      isRetired = true
    }
    if (isRetired && this.#isEstablished) this.#offerCids()
  }

  #addCid(key: string): void {
    this.#cids.add(key)
    this.#host.addCid(key, this)
  }

  /**
   * Another id under which datagrams reach this connection (a server's client chooses the first
   * one).
   */
  addCid(key: string): void {
    this.#addCid(key)
  }

  removeCid(key: string): void {
    if (this.#cids.delete(key)) this.#host.removeCid(key)
  }

  // ---- streams

  /** Opens a stream. Throws SESSION_CLOSED or LIMIT_EXCEEDED. */
  openStream(): QuicStream {
    if (this.#isOver) throw new TunnelError('SESSION_CLOSED', 'the QUIC connection is closed')
    if (this.#isEstablished && this.native.peerStreamsLeftBidi() < 1) {
      throw new TunnelError('LIMIT_EXCEEDED', 'the peer allows no more streams at once')
    }
    const id = this.#nextId
    this.#nextId += 4
    const stream = new QuicStream(id, this)
    this.#streams.set(id, stream)
    return stream
  }

  #serveReadable(): void {
    for (const id of this.native.readable()) {
      if (id & UNIDIRECTIONAL) {
        this.#readNotices(id)
        continue
      }
      const stream = this.#streams.get(id) ?? this.#acceptStream(id)
      stream?.pull()
    }
  }

  #acceptStream(id: number): QuicStream | undefined {
    if (id % 4 === this.#nextId % 4) return undefined
    if (id >= this.#nextPeerId) {
      for (let skipped = this.#nextPeerId; skipped < id; skipped += 4)
        this.#skippedPeerIds.add(skipped)
      this.#nextPeerId = id + 4
    } else if (!this.#skippedPeerIds.delete(id)) {
      // Already over on our side; quiche still reports its last frames.
      return undefined
    }
    const stream = new QuicStream(id, this)
    this.#streams.set(id, stream)
    const length = this.#earlyNotices.get(id)
    if (length !== undefined) {
      this.#earlyNotices.delete(id)
      stream.announceEnd(length)
    }
    this.onStream?.(stream)
    return stream
  }

  /**
   * Only streams that wait are asked: quiche's own list has every stream with credit, which is all
   * idle ones too (a new connection beside 1,000 idle ones took 5-12 ms that way). Who is served
   * goes to the end of the line.
   */
  #serveWritable(): void {
    if (this.#blocked.size === 0) return
    const waiting = [...this.#blocked]
    this.#blocked.clear()
    for (const stream of waiting) stream.flushWrites()
  }

  awaitWindow(stream: QuicStream): void {
    this.#blocked.add(stream)
  }

  onBytesRead(count: number): void {
    this.#unannounced += count
    if (this.#unannounced >= WINDOW_UPDATE_BYTES) this.wake()
  }

  finish(stream: QuicStream): boolean {
    // Its last bytes are still here: FIN leaves with them, in one frame.
    const isMerged = stream.lastSend?.flushCount === this.#flushCount
    const isSafe = isMerged || this.#finGuard.isSafe(stream, this.#unflushed > 0)
    if (!isSafe && !this.#isOurs && !this.#finGuard.hasSettled(stream)) return false
    if (this.native.streamSend(stream.id, EMPTY, true) === null) {
      this.#blocked.add(stream)
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
      const notice = encodeEndNotice({ streamId: stream.id, length: stream.bytesWritten })
      this.#outgoingNotices = Buffer.concat([this.#outgoingNotices, notice])
      this.#sendNotices()
    }
    // quiche drops a FIN that is still unsent when it is next asked to read this stream, or hears
    // of its bytes.
    this.flush()
    return true
  }

  #sendNotices(): void {
    if (this.#outgoingNotices.length === 0) return
    try {
      const taken = this.native.streamSend(this.#noticeId, this.#outgoingNotices, false) ?? 0
      this.#outgoingNotices = this.#outgoingNotices.subarray(taken)
      if (taken > 0) this.wake()
    } catch {
      // The peer stopped the stream or the connection is ending: then nothing waits for notices
      // either.
      this.#outgoingNotices = EMPTY
    }
  }

  #readNotices(id: number): void {
    for (;;) {
      let received: [number, boolean] | null
      try {
        received = this.native.streamRecv(id, this.scratch)
      } catch {
        // Reset by the peer: no notices then, only FINs.
        return
      }
      if (received === null || received[0] === 0) return
      const piece = this.scratch.subarray(0, received[0])
      for (const notice of this.#noticeReader.push(piece)) this.#onNotice(notice)
    }
  }

  #onNotice({ streamId, length }: EndNotice): void {
    const stream = this.#streams.get(streamId)
    if (stream) {
      stream.announceEnd(length)
      return
    }
    // Overtook the first bytes of its stream; those of streams that are over are of no use to
    // anybody.
    const isToCome = streamId >= this.#nextPeerId || this.#skippedPeerIds.has(streamId)
    if (isToCome && this.#earlyNotices.size < MAX_EARLY_NOTICES) {
      this.#earlyNotices.set(streamId, length)
    }
  }

  get flushCount(): number {
    return this.#flushCount
  }

  forget(id: number): void {
    const stream = this.#streams.get(id)
    if (stream) {
      this.#finGuard.forget(stream)
      this.#blocked.delete(stream)
    }
    this.#streams.delete(id)
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
    this.#unflushed = 0
    this.#unannounced = 0
    this.#flushCount++
    const isMore = this.#host.transmit(this)
    if (this.#checkOver()) return
    if (isMore) this.wake()
    this.#armTimer()
  }

  /**
   * One timer a connection, moved only when the new deadline is earlier: most flushes leave it
   * alone.
   */
  #armTimer(): void {
    const now = performance.now()
    const dueMs = this.native.timeout() ?? Number.POSITIVE_INFINITY
    const at = Math.min(now + dueMs, this.#keepaliveAt())
    if (at >= this.#timerAt || !Number.isFinite(at)) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(at - now)))
  }

  #keepaliveAt(): number {
    if (!this.#isEstablished) return Number.POSITIVE_INFINITY
    const { keepaliveMs, idleTimeoutMs } = this.#options
    const period = Math.min(keepaliveMs, idleTimeoutMs / 2)
    return this.#heardAt + (this.role === 'client' ? Math.min(period, LIVENESS_MS) : period)
  }

  #onTimer(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    if (this.#isOver) return
    if (this.native.timeout() === 0) {
      this.native.onTimeout()
      this.#serveWritable()
    }
    if (performance.now() >= this.#keepaliveAt()) {
      this.native.sendAckEliciting()
      // The answer moves this on; without one the next ping comes a period later.
      this.#heardAt = performance.now()
    }
    if (!this.#checkOver()) this.flush()
  }

  // ---- the end

  /** Tells the peer and ends everything. Safe to call twice. */
  close(code: number, detail: string): void {
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
    this.#retireCids()
    if (!this.native.isClosed() && !this.native.isDraining()) return false
    // When quiche ends it for a broken packet, its CONNECTION_CLOSE is still to be sent.
    this.#host.transmit(this)
    this.#finish(closeReason(this.native, this.#options.idleTimeoutMs))
    return true
  }

  #finish(reason: CloseReason): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    clearTimeout(this.#holdTimer)
    const error = new TunnelError('SESSION_CLOSED', `the QUIC connection is over: ${reason.detail}`)
    for (const stream of [...this.#streams.values()]) stream.destroy(error)
    this.#streams.clear()
    for (const key of this.#cids) this.#host.removeCid(key)
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
