// The work streams of one session at the client: opened on request for a real frps' pool, or taken
// from one of ours that opens them itself. It reads StartWorkConn and hands the stream to the proxy
// that it names. Sequence: frp-wire.md §5.2; names: §2.5.

import { isIP } from 'node:net'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Joined, UserConnection } from '../proxy/join.ts'
import type { Session, Stream } from '../transport/transport.ts'
import { MessageChannel } from '../wire/channel.ts'
import type { Draft, NewWorkConn, StartWorkConn } from '../wire/messages.ts'
import { printable } from './names.ts'

/** Longest wait for StartWorkConn on a stream that the server opened; it writes that first. */
const START_TIMEOUT_MS = 10_000
/**
 * Streams that wait for a user, at most. frp's pool is as large as its biggest burst of users plus
 * ten; past this the server asks without end, and each request would cost memory.
 */
const MAX_IDLE = 4_096

export interface WorkStreamsOptions {
  readonly session: Session
  readonly clock: Clock
  readonly log: Logger
  /** The first message of a stream of ours, with its keys. */
  readonly newWorkConn: () => Draft<NewWorkConn>
  /**
   * Joins the stream with the service of the named proxy (name as on the wire). Returns undefined,
   * and does not touch the stream, when there is no such proxy that takes users.
   */
  readonly join: (
    name: string,
    stream: Stream,
    user: UserConnection,
  ) => Promise<Joined> | undefined
}

export class WorkStreams {
  readonly #options: WorkStreamsOptions
  readonly #idle = new Set<MessageChannel>()
  #asked = 0
  #running = 0
  #isStopped = false
  readonly #drained = new Set<() => void>()

  constructor(options: WorkStreamsOptions) {
    this.#options = options
  }

  /** The server wants one for its pool. Failures are logged. */
  async open(): Promise<void> {
    const { log, session } = this.#options
    if (this.#isStopped) return
    if (this.#asked >= MAX_IDLE) {
      log.warn(`${MAX_IDLE} work streams wait for users already, one more was asked for in vain`)
      return
    }
    this.#asked++
    try {
      const channel = this.#channel(await session.openStream())
      channel.send(this.#options.newWorkConn())
      // Without a bound in time, as frp: it waits in the pool until a user comes.
      await this.#start(channel)
    } catch (error) {
      if (!this.#isStopped) log.debug(`work stream closed before its start: ${errorText(error)}`)
    } finally {
      this.#asked--
    }
  }

  /** The server has opened one. */
  async accept(stream: Stream): Promise<void> {
    try {
      await this.#start(this.#channel(stream), START_TIMEOUT_MS)
    } catch (error) {
      if (this.#isStopped) return
      this.#options.log.warn(`a stream of the server is closed: ${errorText(error)}`)
    }
  }

  /** Takes no more users. Resolves when those that are being served have finished. */
  drain(): Promise<void> {
    this.#isStopped = true
    for (const channel of this.#idle) channel.destroy()
    return new Promise(resolve => {
      if (this.#running === 0) resolve()
      else this.#drained.add(resolve)
    })
  }

  #channel(stream: Stream): MessageChannel {
    return new MessageChannel(stream, { clock: this.#options.clock })
  }

  async #start(channel: MessageChannel, timeoutMs?: number): Promise<void> {
    this.#idle.add(channel)
    try {
      if (this.#isStopped) throw new TunnelError('ABORTED', 'the client is closing')
      const start = await channel.readExpected('StartWorkConn', { timeoutMs })
      this.#idle.delete(channel)
      if (start.error !== '') {
        channel.destroy()
        this.#options.log.warn(`StartWorkConn contains error: ${printable(start.error)}`)
        return
      }
      const stream = channel.detach()
      // Until the stream has its next owner, an error of it belongs to nobody; 'close' tells the
      // same.
      stream.on('error', ignore)
      this.#serve(start, stream)
    } catch (error) {
      channel.destroy()
      throw error
    } finally {
      this.#idle.delete(channel)
    }
  }

  #serve(start: StartWorkConn, stream: Stream): void {
    const user = {
      source: addressOf(start.src_addr, start.src_port),
      destination: addressOf(start.dst_addr, start.dst_port),
      introduction: start.quicfrp,
    }
    const joining = this.#options.join(start.proxy_name, stream, user)
    if (!joining) {
      const name = printable(start.proxy_name)
      this.#options.log.warn(`no running proxy [${name}], its user is dropped`)
      stream.destroy()
      return
    }
    this.#running++
    void joining
      .then(joined => joined.ended)
      // Its reason is in the log of the proxy.
      .catch(ignore)
      .then(() => {
        this.#running--
        if (this.#running > 0) return
        for (const resolve of this.#drained) resolve()
        this.#drained.clear()
      })
  }
}

function ignore(): void {}

function addressOf(ip: string, port: number): Address | undefined {
  return isIP(ip) === 0 ? undefined : { ip, port }
}
