// Messages over one stream: the control after login, and the first messages of work streams.
// Decides where a message ends and what follows it (cut exactly: the IV or payload after a message
// can come in the same chunk, frp-wire.md 3.2 and 5.2), and how much may wait. What the messages
// mean is the business of the machines above.

import type { Duplex } from 'node:stream'
import { systemClock, type Clock } from '../clock.ts'
import { errorText, TunnelError } from '../errors.ts'
import type { CloseReason } from '../transport/transport.ts'
import { CfbDecryptor, CfbEncryptor } from './cipher.ts'
import { encodeMessage } from './codec.ts'
import { Framer } from './framer.ts'
import type { Message, MessageOf, MessageType, OutgoingMessage } from './messages.ts'

export interface MessageChannelOptions {
  readonly clock?: Clock
  /**
   * Bytes that may wait in the stream for a peer that does not read; past it the channel is
   * destroyed. Default 1 MiB.
   */
  readonly maxQueuedBytes?: number
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
  /** Longest wait in milliseconds; no bound when left out. */
  readonly timeoutMs?: number | undefined
}

/** `error` is there unless the close was orderly. */
export interface ChannelClose extends CloseReason {
  readonly error?: TunnelError
}

interface Reader {
  resolve(message: Message): void
  reject(error: TunnelError): void
}

/**
 * Reads one message at a time (`readMessage`) or all of them (`onMessage`); bytes that nobody has
 * asked for stay in the stream, so that the peer is stopped by its flow control. Owns the stream
 * until `detach`.
 */
export class MessageChannel {
  /** Never rejects. Pending after `detach`. */
  readonly closed: Promise<ChannelClose>

  readonly #stream: Duplex
  readonly #clock: Clock
  readonly #maxQueuedBytes: number
  readonly #settleClosed: (close: ChannelClose) => void
  #framer = new Framer()
  #encryptor: CfbEncryptor | undefined
  #decryptor: CfbDecryptor | undefined
  #reader: Reader | undefined
  #handler: ((message: Message) => void) | undefined
  #failure: TunnelError | undefined
  #isPumping = false
  #isDetached = false
  #isClosing = false
  #cancelGrace: (() => void) | undefined

  constructor(stream: Duplex, options: MessageChannelOptions = {}) {
    this.#stream = stream
    this.#clock = options.clock ?? systemClock
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 1024 * 1024
    let settle: (close: ChannelClose) => void = () => {}
    this.closed = new Promise(resolve => (settle = resolve))
    this.#settleClosed = settle
    stream.on('readable', this.#onReadable)
    stream.on('end', this.#onEnd)
    stream.on('error', this.#onError)
    stream.on('close', this.#onClose)
    if (stream.destroyed) this.#onClose()
    else if (stream.readableEnded) this.#onEnd()
  }

  /**
   * The next message. Rejects with PROTOCOL_ERROR, SESSION_CLOSED (the peer ended, or the stream
   * failed), TIMED_OUT or ABORTED; the last two leave the channel usable. One reader at a time, and
   * none beside `onMessage`.
   */
  readMessage(options: ReadOptions = {}): Promise<Message> {
    const { signal, timeoutMs } = options
    if (this.#reader || this.#handler) throw new Error('the channel already has a reader')
    if (this.#isDetached) throw new Error('the channel is detached')
    if (this.#failure) return Promise.reject(this.#failure)
    if (signal?.aborted) return Promise.reject(aborted(signal))
    return new Promise<Message>((resolve, reject) => {
      const finish = (): void => {
        this.#reader = undefined
        cancelTimer?.()
        signal?.removeEventListener('abort', onAbort)
      }
      const reader: Reader = {
        resolve: message => {
          finish()
          resolve(message)
        },
        reject: error => {
          finish()
          reject(error)
        },
      }
      const onAbort = (): void => reader.reject(aborted(signal))
      const onTimeout = (): void => {
        reader.reject(new TunnelError('TIMED_OUT', `no message came within ${timeoutMs} ms`))
      }
      this.#reader = reader
      const cancelTimer =
        timeoutMs === undefined ? undefined : this.#clock.after(timeoutMs, onTimeout)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#pump()
    })
  }

  /** As readMessage, and any other type is a PROTOCOL_ERROR that destroys the channel. */
  async readExpected<T extends MessageType>(
    type: T,
    options: ReadOptions = {},
  ): Promise<MessageOf<T>> {
    const message = await this.readMessage(options)
    if (isOfType(message, type)) return message
    const error = new TunnelError('PROTOCOL_ERROR', `${message.type} came instead of ${type}`)
    this.destroy(error)
    throw error
  }

  /**
   * From now on each message goes to the handler, in order; the first ones possibly before this
   * call returns. An error that it throws destroys the channel. Calling `encrypt` or `detach`
   * inside the handler cuts right after its message.
   */
  onMessage(handler: (message: Message) => void): void {
    if (this.#reader || this.#handler) throw new Error('the channel already has a reader')
    this.#handler = handler
    this.#pump()
  }

  /**
   * Sends without waiting. A closed channel drops the message: `closed` has told so. Throws
   * LIMIT_EXCEEDED for a message above the frame limit, and then nothing was sent.
   */
  send(message: OutgoingMessage): void {
    const frame = encodeMessage(message)
    if (this.#isDetached || this.#isClosing || this.#failure || this.#stream.destroyed) return
    this.#stream.write(this.#encryptor ? this.#encryptor.update(frame) : frame)
    if (this.#stream.writableLength > this.#maxQueuedBytes) {
      const detail = `the peer does not read: more than ${this.#maxQueuedBytes} bytes wait for it`
      this.destroy(new TunnelError('LIMIT_EXCEEDED', detail))
    }
  }

  /**
   * Switches both directions to the cipher, at the end of the last message read and of the last one
   * sent. Once.
   */
  encrypt(key: Buffer): void {
    if (this.#encryptor) throw new Error('the channel is already encrypted')
    const rest = this.#framer.rest()
    this.#encryptor = new CfbEncryptor(key)
    this.#decryptor = new CfbDecryptor(key)
    this.#framer.push(this.#decryptor.update(rest))
    this.#pump()
  }

  /**
   * Gives the stream back, at the end of the last message read: all bytes after it are still in the
   * stream. The channel is over, without `closed` being settled; the new owner listens to 'error'.
   * Note that the stream can have ended (`readableEnded`) already.
   */
  detach(): Duplex {
    if (this.#encryptor) throw new Error('an encrypted channel cannot be detached')
    if (this.#reader) throw new Error('the channel still has a reader')
    this.#isDetached = true
    this.#handler = undefined
    const stream = this.#stream
    stream.off('readable', this.#onReadable)
    stream.off('end', this.#onEnd)
    stream.off('error', this.#onError)
    stream.off('close', this.#onClose)
    const rest = this.#framer.rest()
    if (rest.length > 0 && !stream.readableEnded) stream.unshift(rest)
    return stream
  }

  /**
   * Ends our direction after what was sent and drops what still comes. The stream is destroyed when
   * the peer ends too, or after `graceMs` (default 1000). Safe to call twice.
   */
  close(detail: string = 'closed', graceMs: number = 1000): void {
    if (this.#isClosing || this.#isDetached || this.#stream.destroyed) return
    this.#isClosing = true
    this.#fail('local', new TunnelError('SESSION_CLOSED', detail), { orderly: true })
    this.#handler = undefined
    this.#cancelGrace = this.#clock.after(graceMs, () => this.#stream.destroy())
    this.#stream.end()
    this.#stream.off('readable', this.#onReadable)
    this.#stream.resume()
    if (this.#stream.readableEnded) this.#destroyWhenFlushed()
  }

  /** Aborts both directions at once. */
  destroy(error: TunnelError = new TunnelError('SESSION_CLOSED', 'closed')): void {
    if (this.#isDetached) return
    this.#fail(error.code === 'PROTOCOL_ERROR' ? 'lost' : 'local', error)
    this.#stream.destroy()
  }

  readonly #onReadable = (): void => this.#pump()

  readonly #onEnd = (): void => {
    if (this.#isClosing) return this.#destroyWhenFlushed()
    const isCut = !this.#framer.isEmpty || this.#decryptor?.isInsideIv === true
    if (isCut) {
      this.#fail('lost', new TunnelError('PROTOCOL_ERROR', 'the stream ended inside a message'))
      this.#stream.destroy()
      return
    }
    const detail = 'the peer closed the stream'
    this.#fail('remote', new TunnelError('SESSION_CLOSED', detail), { orderly: true })
    this.#isClosing = true
    this.#cancelGrace = this.#clock.after(1000, () => this.#stream.destroy())
    this.#stream.end()
    this.#destroyWhenFlushed()
  }

  readonly #onError = (error: unknown): void => {
    // Ours say what happened; the system's need a subject.
    const detail =
      error instanceof TunnelError ? error.detail : `the stream failed: ${errorText(error)}`
    this.#fail('lost', new TunnelError('SESSION_CLOSED', detail, { cause: error }))
  }

  readonly #onClose = (): void => {
    this.#cancelGrace?.()
    this.#fail('lost', new TunnelError('SESSION_CLOSED', 'the stream was closed'))
  }

  #destroyWhenFlushed(): void {
    if (this.#stream.writableFinished) this.#stream.destroy()
    else this.#stream.once('finish', () => this.#stream.destroy())
  }

  // The first reason counts.
  #fail(by: CloseReason['by'], error: TunnelError, { orderly = false } = {}): void {
    if (this.#failure || this.#isDetached) return
    this.#failure = error
    this.#settleClosed({ by, detail: error.detail, ...(orderly ? {} : { error }) })
    this.#reader?.reject(error)
    this.#handler = undefined
  }

  // Reads exactly as many bytes as the next message needs, so that nothing has to be put back.
  // Reading past the end of a message could also let the stream emit 'end' before its new owner has
  // a chance to see the last bytes.
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while ((this.#reader || this.#handler) && !this.#failure) {
        const message = this.#framer.next()
        if (message) this.#deliver(message)
        else if (!this.#readMore()) break
      }
    } catch (error) {
      this.destroy(
        error instanceof TunnelError
          ? error
          : new TunnelError('PROTOCOL_ERROR', 'a message could not be handled', { cause: error }),
      )
    } finally {
      this.#isPumping = false
    }
  }

  #readMore(): boolean {
    const missingIv = this.#decryptor?.missingIvBytes ?? 0
    const wanted = missingIv > 0 ? missingIv : this.#framer.missing()
    const chunk: Buffer | null = this.#stream.read(wanted)
    if (chunk === null) return false
    this.#framer.push(this.#decryptor ? this.#decryptor.update(chunk) : chunk)
    return true
  }

  #deliver(message: Message): void {
    if (this.#reader) this.#reader.resolve(message)
    else this.#handler?.(message)
  }
}

function isOfType<T extends MessageType>(message: Message, type: T): message is MessageOf<T> {
  return message.type === type
}

function aborted(signal: AbortSignal | undefined): TunnelError {
  return new TunnelError('ABORTED', 'reading was aborted', { cause: signal?.reason })
}
