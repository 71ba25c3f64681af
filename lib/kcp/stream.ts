// A KCP conversation as a Duplex: joins the machine of conversation.ts to a UDP socket and a clock.
// It has no end of its own. `end()` waits until the peer has everything, and then the reading side
// ends, too; what the peer is told must be told in its bytes.

import { Duplex } from 'node:stream'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import type { UdpSocket } from '../udp/index.ts'
import { Burst } from './burst.ts'
import { Conversation, type ConversationOptions, MAX_DATAGRAM_BYTES } from './conversation.ts'
import { firstLength } from './fec-packet.ts'

export interface KcpStreamOptions extends ConversationOptions {
  /** Owned by the stream. */
  readonly socket: UdpSocket
  /**
   * Where the peer may be, the most likely first. All of them are sent to until one has answered;
   * datagrams of others are ignored.
   */
  readonly remotes: readonly Address[]
  readonly clock: Clock
}

type Done = (error?: Error | null) => void

export class KcpStream extends Duplex {
  /** Resolves with the first datagram of the peer; never, when the stream ends before. */
  readonly heard: Promise<void>
  readonly #socket: UdpSocket
  readonly #ips: ReadonlySet<string>
  readonly #clock: Clock
  readonly #conversation: Conversation
  readonly #burst: Burst
  readonly #alarm: Alarm
  #remote: Address | undefined
  #resolveHeard = (): void => {}
  #ringing: NodeJS.Immediate | undefined
  #onWritten: Done | undefined
  #onAcknowledged: Done | undefined
  #wantsBytes = false
  #isDraining = false

  constructor({ socket, remotes, clock, ...options }: KcpStreamOptions) {
    super({ allowHalfOpen: true, autoDestroy: true })
    this.#socket = socket
    this.#ips = new Set(remotes.map(({ ip }) => ip))
    this.#clock = clock
    this.#conversation = new Conversation(options, clock.now())
    this.#burst = new Burst(socket, remotes, MAX_DATAGRAM_BYTES)
    this.heard = new Promise(resolve => (this.#resolveHeard = resolve))
    // Timers come before what the socket has read: an acknowledgement that is here already must
    // not come too late for its time-out because this process was busy.
    this.#alarm = new Alarm(clock, () => {
      this.#ringing ??= setImmediate(() => {
        this.#ringing = undefined
        this.#drain()
      })
    })
    socket.onWritable = () => {
      this.#burst.flush()
      this.#drain()
    }
    socket.start({
      onDatagram: (data, from, segmentBytes) => this.#receive(data, from, segmentBytes),
      onBatchEnd: () => {
        this.#give()
        this.#drain()
      },
    })
  }

  /** Of the peer; undefined until it was heard. */
  get remote(): Address | undefined {
    return this.#remote
  }

  override _read(): void {
    this.#wantsBytes = true
    if (!this.#conversation.isReadable) return
    this.#give()
    this.#drain()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#take([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#take(chunks.map(({ chunk }) => chunk), done)
  }

  override _final(done: Done): void {
    this.#onAcknowledged = () => {
      done()
      this.push(null)
    }
    this.#drain()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#alarm.set(undefined)
    clearImmediate(this.#ringing)
    void this.#socket.close().then(() => done(error))
  }

  #take(chunks: readonly Buffer[], done: Done): void {
    this.#conversation.write(chunks)
    this.#onWritten = done
    this.#drain()
  }

  /** One datagram, or several that the kernel has glued together. */
  #receive(data: Buffer, from: Address, segmentBytes: number | undefined): void {
    if (this.destroyed || !this.#isPeer(from)) return
    const now = this.#clock.now()
    let rest = data
    while (rest.length > 0) {
      const isKnown = segmentBytes !== undefined && segmentBytes < data.length
      const length = isKnown ? Math.min(rest.length, segmentBytes) : firstLength(rest)
      this.#conversation.handleDatagram(rest.subarray(0, length), now)
      rest = rest.subarray(length)
    }
    if (this.#remote !== undefined || !this.#conversation.hasHeard) return
    this.#remote = from
    this.#burst.aim(from)
    this.#resolveHeard()
  }

  #isPeer({ ip, port }: Address): boolean {
    if (this.#remote === undefined) return this.#ips.has(ip)
    return port === this.#remote.port && ip === this.#remote.ip
  }

  /** To the reader, as long as it wants some. */
  #give(): void {
    if (!this.#wantsBytes || !this.#conversation.isReadable || this.destroyed) return
    this.#wantsBytes = false
    for (const piece of this.#conversation.read()) this.push(piece)
  }

  #drain(): void {
    // Whoever is told "written" in here writes on, and must not come back here.
    if (this.#isDraining || this.destroyed) return
    this.#isDraining = true
    const conversation = this.#conversation
    const write = (target: Buffer, at: number): number =>
      conversation.pollTransmit(target, at, this.#clock.now())
    for (;;) {
      while (this.#burst.add(write));
      const onWritten = this.#onWritten
      if (onWritten === undefined || !conversation.isWritten) break
      this.#onWritten = undefined
      onWritten()
    }
    this.#burst.flush()
    this.#isDraining = false
    if (conversation.isAcknowledged) {
      this.#onAcknowledged?.()
      this.#onAcknowledged = undefined
    }
    this.#alarm.set(this.#burst.isBlocked ? undefined : conversation.deadline())
  }
}
