// Joins a yamux session to its connection and its clock: bytes in, bytes out, one timer. What to do
// with them is decided by session.ts; what the connection is (TCP, TLS) by its maker.

import type { Duplex } from 'node:stream'
import { systemClock, type Clock } from '../clock.ts'
import { errorText, TunnelError } from '../errors.ts'
import type { Channel } from './channel.ts'
import { MUX_DEFAULTS, MuxSession, type MuxConfig } from './session.ts'
import { MuxStream } from './stream.ts'

/**
 * Bytes handed to the connection ahead of what it has taken. One batch is on its way, one is ready
 * behind it; all else waits in its stream, where the turns are taken.
 */
const WRITE_AHEAD_BYTES = 131_072

/**
 * From here on a write goes out at once; less waits for the end of this turn of the event loop, for
 * company.
 */
const FLUSH_NOW_BYTES = 16_384

/**
 * TLS hands over one record at a time, in a call of its own. Full ones are held until so many bytes
 * are together, or until the end of this turn of the event loop: the readers of streams then write
 * them on in one go (splice corks its destination). A record that is not full is the end of
 * something and does not wait.
 */
const BATCH_BYTES = 65_536
const FULL_RECORD_BYTES = 16_384

/**
 * Answers (to pings, to opens) that a peer may let pile up before we stop reading what it sends.
 */
const MAX_CONTROL_BYTES = 65_536

/** A peer that does not take our last bytes in this time is not told. */
const CLOSE_WAIT_MS = 1000

/**
 * `remote`: the peer closed; `local`: we did; `lost`: the connection broke, went silent, or broke
 * the protocol.
 */
export interface MuxClosed {
  readonly by: 'local' | 'remote' | 'lost'
  readonly detail: string
}

export type MuxOptions = Partial<MuxConfig> & Pick<MuxConfig, 'role'> & { readonly clock?: Clock }

export class MuxLink {
  /** Never rejects. */
  readonly closed: Promise<MuxClosed>
  readonly #connection: Duplex
  readonly #config: MuxConfig
  readonly #clock: Clock
  readonly #session: MuxSession
  readonly #wakeStream: (bytes: number) => void
  readonly #out: Buffer[] = []
  readonly #openers: (() => void)[] = []
  readonly #unclaimed: MuxStream[] = []
  readonly #resolveClosed: (reason: MuxClosed) => void
  #handler: ((stream: MuxStream) => void) | undefined
  #received: Buffer[] = []
  #receivedBytes = 0
  #batching: NodeJS.Immediate | undefined
  #flushing: NodeJS.Immediate | undefined
  #isFlushing = false
  #isPeerGone = false
  #reason: MuxClosed | undefined
  #cancelTimer: (() => void) | undefined
  #timerAt = Infinity

  /** Takes the connection over: nobody else may read, write or close it. */
  constructor(connection: Duplex, options: MuxOptions) {
    const { clock = systemClock, ...config } = options
    this.#connection = connection
    this.#clock = clock
    this.#config = { ...MUX_DEFAULTS, ...config }
    const events = {
      handleChannel: (channel: Channel): void => this.#accept(channel),
      handleAcknowledged: (): void => this.#openers.shift()?.(),
      handleGone: (): void => void (this.#isPeerGone = true),
    }
    this.#session = new MuxSession(this.#config, events, clock.now())
    this.#wakeStream = bytes => this.#wake(bytes)
    let resolve: (reason: MuxClosed) => void = () => {}
    this.closed = new Promise(done => (resolve = done))
    this.#resolveClosed = resolve

    connection.on('data', (chunk: Buffer) => this.#receive(chunk))
    connection.on('error', error => this.#over({ by: 'lost', detail: errorText(error) }))
    connection.on('end', () => {
      this.#over({ by: 'remote', detail: 'the peer closed the connection' })
    })
    connection.on('close', () => this.#over({ by: 'lost', detail: 'the connection broke' }))
    connection.resume()
    this.#tick()
  }

  get streamCount(): number {
    return this.#session.streamCount
  }

  get rttMs(): number | undefined {
    return this.#session.rttMs
  }

  /**
   * Waits while 256 of our streams are not acknowledged. Rejects with SESSION_CLOSED or
   * LIMIT_EXCEEDED (so many opens wait already, or streams are open, that one more is a fault).
   */
  async open(): Promise<MuxStream> {
    if (!this.#reason && (!this.#session.canOpen || this.#openers.length > 0)) {
      if (this.#openers.length >= this.#config.maxStreams) {
        throw new TunnelError('LIMIT_EXCEEDED', 'too many streams wait to be opened')
      }
      await new Promise<void>(resolve => this.#openers.push(resolve))
    }
    if (this.#reason) throw this.#closedError(this.#reason)
    const channel = this.#session.open(this.#clock.now())
    this.#wake(0)
    return new MuxStream(channel, this.#wakeStream)
  }

  onStream(handler: (stream: MuxStream) => void): void {
    this.#handler = handler
    for (const stream of this.#unclaimed.splice(0)) handler(stream)
  }

  /**
   * Writes what is waiting as far as the connection takes it at once, then closes. Safe to call
   * twice.
   */
  async close(detail = 'closed'): Promise<void> {
    if (!this.#reason) {
      this.#flush()
      this.#session.leave()
      this.#writeLast()
      this.#end({ by: 'local', detail })
    }
    if (this.#connection.closed) return
    await new Promise(resolve => this.#connection.once('close', resolve))
  }

  #receive(chunk: Buffer): void {
    if (this.#reason) return
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    const isDue = chunk.length < FULL_RECORD_BYTES || this.#receivedBytes >= BATCH_BYTES
    if (isDue) this.#handleReceived()
    else this.#batching ??= setImmediate(() => this.#handleReceived())
  }

  #handleReceived(): void {
    clearImmediate(this.#batching)
    this.#batching = undefined
    const chunks = this.#received
    this.#received = []
    this.#receivedBytes = 0
    const now = this.#clock.now()
    try {
      for (const chunk of chunks) this.#session.handleChunk(chunk, now)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#isPeerGone) this.#end({ by: 'remote', detail: 'the peer closed the session' })
    if (this.#session.controlBytes > MAX_CONTROL_BYTES) this.#connection.pause()
    this.#wake(0)
  }

  #accept(channel: Channel): void {
    const stream = new MuxStream(channel, this.#wakeStream)
    if (this.#handler) this.#handler(stream)
    else if (this.#unclaimed.length < this.#config.backlog) this.#unclaimed.push(stream)
    else stream.destroy()
  }

  #wake(bytes: number): void {
    if (this.#isFlushing) return
    if (bytes >= FLUSH_NOW_BYTES) this.#flush()
    else if (this.#flushing === undefined && this.#session.hasTransmit) {
      this.#flushing = setImmediate(() => this.#flush())
    }
  }

  #flush(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    const connection = this.#connection
    if (this.#isFlushing || this.#reason || connection.destroyed) return
    // The streams that are told "sent" in here write on, and must not come back here.
    this.#isFlushing = true
    const out = this.#out
    while (connection.writableLength < WRITE_AHEAD_BYTES) {
      const room = WRITE_AHEAD_BYTES - connection.writableLength
      if (this.#session.pollTransmit(out, room) === 0) break
      // One write for all: in TLS each write is at least one record, and real frp sends a 12-byte
      // one for each header.
      connection.cork()
      const last = out.length - 1
      for (let index = 0; index < last; index++) connection.write(out[index])
      connection.write(out[last], () => this.#progress())
      connection.uncork()
      out.length = 0
    }
    this.#isFlushing = false
    this.#session.handleProgress(connection.writableLength > 0, this.#clock.now())
    this.#arm()
    const isCalm = this.#session.controlBytes <= MAX_CONTROL_BYTES
    if (isCalm && connection.isPaused()) connection.resume()
  }

  #progress(): void {
    if (this.#reason) return
    this.#session.handleProgress(this.#connection.writableLength > 0, this.#clock.now())
    if (this.#session.hasTransmit) this.#flush()
  }

  #tick(): void {
    this.#cancelTimer = undefined
    this.#timerAt = Infinity
    if (this.#reason) return
    try {
      this.#session.poll(this.#clock.now())
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#wake(0)
    this.#arm()
  }

  /** Deadlines mostly move away; the timer is not moved with them, it looks again when it fires. */
  #arm(): void {
    const deadline = this.#session.deadline()
    if (deadline === undefined || deadline >= this.#timerAt || this.#reason) return
    this.#cancelTimer?.()
    this.#timerAt = deadline
    this.#cancelTimer = this.#clock.after(deadline - this.#clock.now(), () => this.#tick())
  }

  #fail(thrown: unknown): void {
    const error =
      thrown instanceof TunnelError
        ? thrown
        : new TunnelError('PROTOCOL_ERROR', errorText(thrown), { cause: thrown })
    this.#writeLast()
    this.#end({ by: 'lost', detail: error.detail }, error)
  }

  /** The go-away frame, and what goes before it. */
  #writeLast(): void {
    if (this.#connection.destroyed) return
    this.#session.pollTransmit(this.#out, 0)
    for (const frame of this.#out.splice(0)) this.#connection.write(frame)
  }

  #over(reason: MuxClosed): void {
    if (this.#reason) return
    this.#handleReceived()
    this.#end(reason)
  }

  #end(reason: MuxClosed, error: TunnelError = this.#closedError(reason)): void {
    if (this.#reason) return
    this.#reason = reason
    this.#cancelTimer?.()
    clearImmediate(this.#flushing)
    clearImmediate(this.#batching)
    this.#session.failAll(error)
    for (const resume of this.#openers.splice(0)) resume()
    this.#resolveClosed(reason)
    const connection = this.#connection
    if (connection.destroyed) return
    connection.resume() // what still comes is dropped, so that the peer's end is seen
    connection.end()
    const cancel = this.#clock.after(CLOSE_WAIT_MS, () => connection.destroy())
    connection.once('close', cancel)
    if (reason.by !== 'local') connection.once('finish', () => connection.destroy())
    else connection.once('end', () => connection.destroy())
  }

  #closedError(reason: MuxClosed): TunnelError {
    return new TunnelError('SESSION_CLOSED', `the session ended: ${reason.detail}`)
  }
}
