// Sans-IO. A yamux session: the rules of hashicorp/yamux 0.1.2 as frp uses it (frp-wire.md §1.4),
// without a socket and without a clock. Bytes in through `handleChunk`, bytes out through
// `pollTransmit`, time through `now`.
//
// Departures from hashicorp/yamux, none visible as a broken rule to it:
// - windows start smaller and grow with their readers (window.ts);
// - a ping is also answered by any other bytes: a slow link that delivers is not dead;
// - ids of the wrong side, data after FIN and more streams than the bound end the session.

import { TunnelError } from '../errors.ts'
import { Channel, type ChannelHost } from './channel.ts'
import { FrameDecoder, type FrameHandler } from './codec.ts'
import { encodeHeader, FrameFlag, FrameType, GoAwayCode, type FrameHeader } from './frame.ts'
import { SendQueue } from './send-queue.ts'
import { ReceiveWindow, WindowBudget, type WindowLimits } from './window.ts'

export interface MuxConfig extends WindowLimits {
  /** The client opens odd stream ids, the server even ones. */
  readonly role: 'client' | 'server'
  /** Growth of all receive windows together, above 256 KiB a stream. */
  readonly windowBudgetBytes: number
  /** Streams open at once, of both sides. A peer that goes past it loses the session. */
  readonly maxStreams: number
  /**
   * Streams of the peer that wait for our owner, and opens of ours that wait for the peer's ACK.
   */
  readonly backlog: number
  /** A ping this often; 0 sends none. */
  readonly keepaliveMs: number
  /** Silence after a ping, and a write that does not move, end the session. */
  readonly stallTimeoutMs: number
  /** A stream we opened that is not acknowledged ends the session. */
  readonly openTimeoutMs: number
  /** How long a stream that we left waits for the peer's FIN. */
  readonly closeTimeoutMs: number
  /**
   * The connection cannot say that it ends (KCP): a go-away frame says so, in both directions. A
   * real frp sends none; it opens no stream after one, and a new connection for the next user.
   */
  readonly endsByGoAway: boolean
}

/** frp's figures, but for the windows: those are explained in window.ts. */
export const MUX_DEFAULTS: Omit<MuxConfig, 'role'> = {
  initialWindowBytes: 1_048_576,
  maxWindowBytes: 6_291_456,
  windowBudgetBytes: 67_108_864,
  maxStreams: 100_000,
  backlog: 256,
  keepaliveMs: 30_000,
  stallTimeoutMs: 10_000,
  openTimeoutMs: 75_000,
  closeTimeoutMs: 300_000,
  endsByGoAway: false,
}

/** Body bytes of one frame, and so one turn of a stream: half a millisecond at 1 Gbit/s. */
const MAX_FRAME_BODY_BYTES = 65_536

export interface MuxEvents {
  /** The peer opened a stream. Its `events` must be set before this returns. */
  handleChannel(channel: Channel): void
  /** The peer acknowledged a stream of ours: a waiting open may go on. */
  handleAcknowledged(): void
  /** The peer has closed the session, where that is said by a frame. */
  handleGone(): void
}

export class MuxSession implements ChannelHost, FrameHandler {
  readonly #config: MuxConfig
  readonly #events: MuxEvents
  readonly #decoder: FrameDecoder
  readonly #budget: WindowBudget
  readonly #channels = new Map<number, Channel>()
  readonly #sendQueue = new SendQueue<Channel>()
  readonly #updates: Channel[] = []
  #control: Buffer[] = []
  #body: Channel | undefined // whose data frame is being received
  #isBodyLast = false
  #nextId: number
  #now: number
  #failure: TunnelError | undefined

  // Deadlines. The two maps are in the order of their deadlines, because each has one time-out.
  readonly #unacknowledged = new Map<number, number>()
  readonly #discarding = new Map<Channel, number>()
  #pingAt: number | undefined
  #pingId = 0
  #pingSentAt: number | undefined
  #stallsAt: number | undefined
  #heardAt: number
  #rttMs: number | undefined

  constructor(config: MuxConfig, events: MuxEvents, now: number) {
    this.#config = config
    this.#events = events
    this.#decoder = new FrameDecoder(this)
    this.#budget = new WindowBudget(config.windowBudgetBytes)
    this.#nextId = config.role === 'client' ? 1 : 2
    this.#now = now
    this.#heardAt = now
    // The first ping goes with the first bytes: it costs no packet and gives a round-trip time from
    // the start.
    if (config.keepaliveMs > 0) this.#pingAt = now
  }

  get streamCount(): number {
    return this.#channels.size
  }

  get rttMs(): number | undefined {
    return this.#rttMs
  }

  /** An open beyond this must wait for `handleAcknowledged`. */
  get canOpen(): boolean {
    return this.#unacknowledged.size < this.#config.backlog
  }

  /**
   * Answers that wait for the transport; a peer that makes us write more than this is not read
   * further.
   */
  get controlBytes(): number {
    return this.#control.length * 12
  }

  get hasTransmit(): boolean {
    return this.#control.length > 0 || this.#updates.length > 0 || !this.#sendQueue.isEmpty
  }

  /**
   * Opens a stream. Its SYN waits for `pollTransmit`, and so goes out with its first data. Throws
   * LIMIT_EXCEEDED.
   */
  open(now: number): Channel {
    if (this.#channels.size >= this.#config.maxStreams || this.#nextId > 0xffff_fff0) {
      throw new TunnelError('LIMIT_EXCEEDED', `the session has no room for one more stream`)
    }
    const channel = this.#add(this.#nextId)
    this.#nextId += 2
    this.#unacknowledged.set(channel.id, now + this.#config.openTimeoutMs)
    this.#windowUpdate(channel, FrameFlag.syn, channel.receiveWindow.announce())
    return channel
  }

  /**
   * Bytes from the peer. Throws PROTOCOL_ERROR; the session is over then, and `pollTransmit` has a
   * last frame.
   */
  handleChunk(chunk: Buffer, now: number): void {
    if (this.#failure) return
    this.#now = now
    this.#heardAt = now
    try {
      this.#decoder.push(chunk)
    } catch (error) {
      this.#failure = asProtocolError(error)
      this.#queueControl(FrameType.goAway, 0, 0, GoAwayCode.protocolError)
      throw this.#failure
    }
  }

  /**
   * Appends what is to be written, about `maxBytes` (one frame may go past it); returns the bytes
   * appended. Answers and grants go first, then the streams in turns.
   */
  pollTransmit(out: Buffer[], maxBytes: number): number {
    let bytes = this.#control.length * 12
    for (const frame of this.#control) out.push(frame)
    this.#control = []
    for (const channel of this.#updates) {
      channel.isUpdateQueued = false
      if (channel.isReleased || channel.hasReceivedEnd || channel.isDiscarding) continue
      out.push(header(FrameType.windowUpdate, 0, channel.id, channel.receiveWindow.update()))
      bytes += 12
    }
    this.#updates.length = 0
    while (bytes < maxBytes && !this.#failure) {
      const channel = this.#sendQueue.next()
      if (!channel) break
      bytes += this.#transmit(channel, out)
    }
    return bytes
  }

  /** The transport holds bytes that it has not got rid of yet, or (`false`) holds none. */
  handleProgress(isWaiting: boolean, now: number): void {
    this.#stallsAt = isWaiting ? now + this.#config.stallTimeoutMs : undefined
  }

  /** We close the session: `pollTransmit` has the last frames, where the peer is to be told. */
  leave(): void {
    if (!this.#config.endsByGoAway || this.#failure) return
    for (const channel of this.#channels.values()) this.#windowUpdate(channel, FrameFlag.rst, 0)
    this.#queueControl(FrameType.goAway, 0, 0, GoAwayCode.normal)
  }

  /** What time has brought about. Throws TIMED_OUT when the session is dead. */
  poll(now: number): void {
    if (this.#failure) return
    this.#now = now
    const { stallTimeoutMs, keepaliveMs } = this.#config
    const silentSince = Math.max(this.#heardAt, this.#pingSentAt ?? now)
    if (this.#pingSentAt !== undefined && now >= silentSince + stallTimeoutMs) {
      this.#fail('the peer has not answered a ping', now - silentSince)
    }
    if (this.#stallsAt !== undefined && now >= this.#stallDeadline(this.#stallsAt)) {
      this.#fail('the connection takes no more bytes', stallTimeoutMs)
    }
    for (const [id, deadline] of this.#unacknowledged) {
      if (now < deadline) break
      this.#fail(`the peer has not accepted stream ${id}`, this.#config.openTimeoutMs)
    }
    for (const [channel, deadline] of this.#discarding) {
      if (now < deadline) break
      this.#reset(channel)
    }
    if (this.#pingAt !== undefined && now >= this.#pingAt) {
      this.#pingAt = now + keepaliveMs
      if (this.#pingSentAt !== undefined) return
      this.#pingSentAt = now
      this.#pingId = (this.#pingId + 1) % 2 ** 32
      this.#queueControl(FrameType.ping, FrameFlag.syn, 0, this.#pingId)
    }
  }

  deadline(): number | undefined {
    if (this.#failure) return undefined
    let earliest = this.#pingAt ?? Infinity
    if (this.#pingSentAt !== undefined) {
      const silentSince = Math.max(this.#heardAt, this.#pingSentAt)
      earliest = Math.min(earliest, silentSince + this.#config.stallTimeoutMs)
    }
    if (this.#stallsAt !== undefined) {
      earliest = Math.min(earliest, this.#stallDeadline(this.#stallsAt))
    }
    for (const deadlines of [this.#unacknowledged, this.#discarding]) {
      for (const deadline of deadlines.values()) {
        earliest = Math.min(earliest, deadline)
        break
      }
    }
    return earliest === Infinity ? undefined : earliest
  }

  /** The session is over: every stream that is not complete fails with this. */
  failAll(error: TunnelError): void {
    this.#failure ??= error
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    for (const channel of channels) {
      channel.isReleased = true
      channel.events?.handleFailure(error)
    }
  }

  wantsToSend(channel: Channel): void {
    if (channel.canSend) this.#sendQueue.add(channel, channel.pendingBytes)
  }

  wantsWindowUpdate(channel: Channel): void {
    if (channel.isUpdateQueued) return
    channel.isUpdateQueued = true
    this.#updates.push(channel)
  }

  wasReset(channel: Channel): void {
    this.#reset(channel)
  }

  wasDiscarded(channel: Channel): void {
    channel.isDiscarding = true
    this.#discarding.set(channel, this.#now + this.#config.closeTimeoutMs)
  }

  handleHeader(header: FrameHeader): void {
    switch (header.type) {
      case FrameType.data:
        return this.#handleData(header)
      case FrameType.windowUpdate:
        return this.#handleWindowUpdate(header)
      case FrameType.ping:
        return this.#handlePing(header)
      default:
        return this.#handleGoAway(header)
    }
  }

  handleBody(bytes: Buffer, left: number): void {
    const channel = this.#body
    if (channel && !channel.isReleased) {
      if (!channel.isDiscarding) channel.events?.handleData(bytes)
      if (left === 0 && this.#isBodyLast) this.#handleEnd(channel)
    }
    if (left === 0) this.#body = undefined
  }

  #handleData(header: FrameHeader): void {
    const { streamId, flags, length } = header
    const channel = this.#handleFlags(header)
    this.#body = channel
    this.#isBodyLast = (flags & FrameFlag.fin) !== 0
    if (!channel) return // unknown: most likely we have just reset it; its bytes are drained
    if (length > 0) {
      if (channel.hasReceivedEnd) throw broken(`data after FIN on stream ${streamId}`)
      if (!channel.receiveWindow.receive(length)) {
        throw broken(`${length} bytes on stream ${streamId} are more than its window allows`)
      }
      // Nobody reads these. Past half a window the peer should learn that it writes for nothing.
      const { unreadBytes, windowBytes } = channel.receiveWindow
      if (channel.isDiscarding && unreadBytes > windowBytes / 2) this.#reset(channel)
    } else if (this.#isBodyLast) this.#handleEnd(channel)
  }

  #handleWindowUpdate(header: FrameHeader): void {
    const channel = this.#handleFlags(header)
    if (!channel) return
    if (header.length > 0) channel.grant(header.length)
    if ((header.flags & FrameFlag.fin) !== 0) this.#handleEnd(channel)
  }

  /** SYN, ACK and RST; FIN comes after the body. Returns the stream when it is alive. */
  #handleFlags({ flags, streamId }: FrameHeader): Channel | undefined {
    if ((flags & FrameFlag.syn) !== 0) this.#handleSyn(streamId)
    const channel = this.#channels.get(streamId)
    if (!channel) return undefined
    if ((flags & FrameFlag.ack) !== 0 && this.#unacknowledged.delete(streamId)) {
      this.#events.handleAcknowledged()
    }
    if ((flags & FrameFlag.rst) === 0) return channel
    this.#release(channel)
    channel.events?.handleFailure(new TunnelError('STREAM_RESET', 'the peer reset the stream'))
    return undefined
  }

  #handleSyn(streamId: number): void {
    const isTheirs = streamId !== 0 && streamId % 2 === (this.#config.role === 'client' ? 0 : 1)
    if (!isTheirs) throw broken(`the peer opened stream ${streamId}, an id of ours`)
    if (this.#channels.has(streamId)) throw broken(`the peer opened stream ${streamId} twice`)
    if (this.#channels.size >= this.#config.maxStreams) {
      throw broken(`the peer opened more than ${this.#config.maxStreams} streams`)
    }
    const channel = this.#add(streamId)
    this.#windowUpdate(channel, FrameFlag.ack, channel.receiveWindow.announce())
    this.#events.handleChannel(channel)
  }

  #handleEnd(channel: Channel): void {
    if (channel.hasReceivedEnd) throw broken(`a second FIN on stream ${channel.id}`)
    channel.hasReceivedEnd = true
    channel.events?.handleEnd()
    if (channel.hasSentEnd) this.#release(channel)
  }

  #handlePing({ flags, length }: FrameHeader): void {
    if ((flags & FrameFlag.syn) !== 0) {
      this.#queueControl(FrameType.ping, FrameFlag.ack, 0, length)
    } else if (length === this.#pingId && this.#pingSentAt !== undefined) {
      const sample = this.#now - this.#pingSentAt
      this.#rttMs = this.#rttMs === undefined ? sample : (this.#rttMs * 7 + sample) / 8
      this.#pingSentAt = undefined
    }
  }

  #handleGoAway({ length }: FrameHeader): void {
    // Normal: the peer accepts no more streams and closes when it is done; an open of ours will be
    // reset.
    if (length === GoAwayCode.normal) {
      if (this.#config.endsByGoAway) this.#events.handleGone()
      return
    }
    throw new TunnelError('PROTOCOL_ERROR', `the peer ended the session with yamux code ${length}`)
  }

  #transmit(channel: Channel, out: Buffer[]): number {
    if (channel.isReleased) return 0
    let bytes = 0
    if (channel.canSend && !channel.isEndDue) {
      const index = out.length
      out.push(EMPTY)
      const length = channel.take(MAX_FRAME_BODY_BYTES, out)
      out[index] = header(FrameType.data, 0, channel.id, length)
      bytes += 12 + length
      if (channel.takeSent()) channel.events?.handleSent()
    }
    if (channel.isEndDue && !channel.isReleased) {
      channel.hasSentEnd = true
      out.push(header(FrameType.windowUpdate, FrameFlag.fin, channel.id, 0))
      bytes += 12
      if (channel.hasReceivedEnd) this.#release(channel)
      channel.events?.handleSent()
    }
    if (channel.canSend) this.#sendQueue.add(channel, channel.pendingBytes)
    return bytes
  }

  #add(id: number): Channel {
    const channel = new Channel(id, this, new ReceiveWindow(this.#budget, this.#config))
    this.#channels.set(id, channel)
    return channel
  }

  #reset(channel: Channel): void {
    if (channel.isReleased) return
    this.#release(channel)
    this.#windowUpdate(channel, FrameFlag.rst, 0)
  }

  #release(channel: Channel): void {
    channel.isReleased = true
    channel.receiveWindow.release()
    this.#channels.delete(channel.id)
    this.#discarding.delete(channel)
    if (this.#unacknowledged.delete(channel.id)) this.#events.handleAcknowledged()
  }

  #windowUpdate(channel: Channel, flags: number, delta: number): void {
    this.#queueControl(FrameType.windowUpdate, flags, channel.id, delta)
  }

  #queueControl(type: number, flags: number, streamId: number, length: number): void {
    this.#control.push(header(type, flags, streamId, length))
  }

  /** A slow link that moves in one direction is alive. */
  #stallDeadline(stallsAt: number): number {
    return Math.max(stallsAt, this.#heardAt + this.#config.stallTimeoutMs)
  }

  #fail(what: string, afterMs: number): never {
    this.#failure = new TunnelError('TIMED_OUT', `${what} for ${Math.round(afterMs / 1000)} s`)
    throw this.#failure
  }
}

const EMPTY = Buffer.alloc(0)

function header(type: number, flags: number, streamId: number, length: number): Buffer {
  return encodeHeader({ type, flags, streamId, length })
}

function broken(detail: string): TunnelError {
  return new TunnelError('PROTOCOL_ERROR', `yamux: ${detail}`)
}

function asProtocolError(error: unknown): TunnelError {
  if (error instanceof TunnelError) return error
  return new TunnelError('PROTOCOL_ERROR', 'yamux: the frame cannot be handled', { cause: error })
}
