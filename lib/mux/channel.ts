// Sans-IO. One stream as the session core sees it: its two half-closes, its windows, and the bytes
// that wait to be sent. The rules of the whole session are in session.ts, the Duplex that users see
// in stream.ts.

import { TunnelError } from '../errors.ts'
import { BASE_WINDOW_BYTES } from './frame.ts'
import type { StreamPriority } from '../transport/transport.ts'
import type { Sender } from './send-queue.ts'
import type { ReceiveWindow } from './window.ts'

/** What the core tells the owner of a stream. Called from inside the core's methods. */
export interface ChannelEvents {
  /** The bytes may be kept, but every kept byte must be reported as consumed one day. */
  handleData(bytes: Buffer): void
  /** The peer has sent its FIN. */
  handleEnd(): void
  /** The stream is gone: the peer reset it or the session ended. */
  handleFailure(error: TunnelError): void
  /** Everything given to `send` (or the FIN after `end`) has gone to the transport. */
  handleSent(): void
}

/** What a channel asks of its session. */
export interface ChannelHost {
  wantsToSend(channel: Channel): void
  wantsWindowUpdate(channel: Channel): void
  wasReset(channel: Channel): void
  wasDiscarded(channel: Channel): void
}

export class Channel implements Sender {
  readonly id: number
  readonly receiveWindow: ReceiveWindow
  nextSender: Sender | undefined = undefined
  isQueued = false
  priority: StreamPriority = 'auto'
  isUpdateQueued = false
  events: ChannelEvents | undefined
  /** Our FIN has gone out. */
  hasSentEnd = false
  hasReceivedEnd = false
  /** Out of the session: nothing more is sent or expected. */
  isReleased = false
  /** The owner has left after its FIN; what still comes is thrown away. */
  isDiscarding = false
  readonly #host: ChannelHost
  #sendWindowBytes = BASE_WINDOW_BYTES
  #pending: readonly Buffer[] = []
  #pendingIndex = 0
  #pendingOffset = 0
  #isEnding = false
  #pendingBytes = 0

  constructor(id: number, host: ChannelHost, receiveWindow: ReceiveWindow) {
    this.id = id
    this.#host = host
    this.receiveWindow = receiveWindow
  }

  /** Has a frame to send now. */
  get canSend(): boolean {
    if (this.isReleased) return false
    if (this.#pendingIndex < this.#pending.length) return this.#sendWindowBytes > 0
    return this.#isEnding && !this.hasSentEnd
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  get isEndDue(): boolean {
    return this.#isEnding && !this.hasSentEnd && this.#pendingIndex >= this.#pending.length
  }

  /** One call at a time: the next after `handleSent`. The buffers must not change until then. */
  send(chunks: readonly Buffer[]): void {
    this.#pending = chunks
    this.#pendingIndex = 0
    this.#pendingOffset = 0
    this.#pendingBytes = 0
    for (const chunk of chunks) this.#pendingBytes += chunk.length
    this.#host.wantsToSend(this)
  }

  /** FIN, after everything given to `send`. */
  end(): void {
    this.#isEnding = true
    this.#host.wantsToSend(this)
  }

  /**
   * The owner leaves. A stream that is not over is reset, unless our FIN is out: then, as with TCP,
   * the peer can still read what we sent, and learns that we left when it sends more than we care
   * to throw away.
   */
  abandon(): void {
    this.events = undefined
    this.#pending = []
    this.#pendingIndex = 0
    if (this.isReleased) return
    if (this.hasSentEnd) this.#host.wasDiscarded(this)
    else this.#host.wasReset(this)
  }

  /** The owner's reader has taken bytes given by `handleData`. */
  consumed(bytes: number): void {
    if (this.isReleased || this.hasReceivedEnd || this.isDiscarding) return
    if (this.receiveWindow.consume(bytes)) this.#host.wantsWindowUpdate(this)
  }

  /** The peer grants more. */
  grant(bytes: number): void {
    this.#sendWindowBytes += bytes
    if (this.canSend) this.#host.wantsToSend(this)
  }

  /** Takes up to `maxBytes` of what waits, as one frame's body; returns its length. */
  take(maxBytes: number, out: Buffer[]): number {
    const limit = Math.min(maxBytes, this.#sendWindowBytes)
    let taken = 0
    while (taken < limit) {
      const chunk = this.#pending[this.#pendingIndex]
      if (!chunk) break
      const end = Math.min(chunk.length, this.#pendingOffset + limit - taken)
      const isWhole = this.#pendingOffset === 0 && end === chunk.length
      out.push(isWhole ? chunk : chunk.subarray(this.#pendingOffset, end))
      taken += end - this.#pendingOffset
      this.#pendingOffset = end
      if (end < chunk.length) break
      this.#pendingIndex++
      this.#pendingOffset = 0
    }
    this.#sendWindowBytes -= taken
    this.#pendingBytes -= taken
    return taken
  }

  /** True once after everything given to `send` was taken. */
  takeSent(): boolean {
    if (this.#pending.length === 0 || this.#pendingIndex < this.#pending.length) return false
    this.#pending = []
    this.#pendingIndex = 0
    return true
  }
}
