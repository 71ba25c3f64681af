// Makes the flow link of one stream between two of ours. The side that opened the stream says how
// the packets travel: as datagrams of the session where both have them, else as frames of the
// stream. Both say how long they keep silent flows and how much redundancy they want.
//
// The opener need not wait for the answer: what it sends before are frames of the stream in any
// case, which the link's own messages cannot be overtaken by.

import type { Duplex } from 'node:stream'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { TokenBucket } from '../stream/limit.ts'
import { readExactly } from '../stream/read-exactly.ts'
import type { Session } from '../transport/transport.ts'
import type { Flow, FlowLink, Redundancy } from './flow.ts'
import { FrameChannel } from './frame-channel.ts'
import {
  ANSWER_BYTES,
  decodeAnswer,
  decodeOpening,
  encodeAnswer,
  encodeOpening,
  OPENING_BYTES,
  type Wishes,
} from './hello.ts'
import type { HubLink } from './hub-flow.ts'
import { FlowHub } from './hub.ts'

export interface FlowLinkOptions {
  /** After its first messages, with its layers. Owned from the call on. */
  readonly stream: Duplex
  /**
   * Given where both sides have named the feature `datagrams`; then the packets do not pass the
   * stream, which only says when the link ends.
   */
  readonly session?: Session | undefined
  readonly clock: Clock
  /** Undefined leaves it to the other side; 0 when that says nothing either. */
  readonly redundancy?: Redundancy | undefined
  /** How long this side keeps a silent flow; undefined where it does not decide. */
  readonly idleMs?: number | undefined
  /**
   * For packets that travel as datagrams: what is beyond the limit is dropped. The others are held
   * back by the layers of the stream.
   */
  readonly bucket?: TokenBucket | undefined
}

/** A link that the other end has not answered: what it carries until then, it may refuse. */
export interface BegunLink {
  readonly link: FlowLink
  /**
   * Reads the answer; nobody else reads from the stream then. Rejects with PROTOCOL_ERROR,
   * SESSION_CLOSED or TIMED_OUT, and the link is over.
   */
  answered(): Promise<void>
}

/** The end that opened the stream. Its link takes packets at once. */
export function beginFlowLink(options: FlowLinkOptions): BegunLink {
  const { stream, session, clock, redundancy, idleMs } = options
  const hub = session && hubOf(session, clock)
  const number = hub?.newLinkNumber() ?? 0
  const way = hub ? 'datagrams' : 'frames'
  stream.write(encodeOpening({ way, link: number, redundancy, idleMs }))
  const link = new StreamLink(options, { hub, number, isMine: true })
  return {
    link,
    async answered() {
      try {
        link.handleAnswer(decodeAnswer(await readExactly(stream, ANSWER_BYTES, clock)))
      } catch (error) {
        link.close()
        throw error
      }
    },
  }
}

/** The same once it is answered. Rejects as `answered`. */
export async function openFlowLink(options: FlowLinkOptions): Promise<FlowLink> {
  const { link, answered } = beginFlowLink(options)
  await answered()
  return link
}

/** A link that the other end has opened. */
export interface ReceivedLink {
  readonly link: FlowLink
  /** What is sent on the link waits for this, or is sent on the way it was opened for. Once. */
  answer(wishes: Partial<Wishes>): void
}

/** The other end. Set the link's handler in the turn it resolves in. Rejects as `answered`. */
export async function receiveFlowLink(options: FlowLinkOptions): Promise<ReceivedLink> {
  const { stream, session, clock } = options
  try {
    const opening = decodeOpening(await readExactly(stream, OPENING_BYTES, clock))
    const hub = opening.way === 'datagrams' ? session && hubOf(session, clock) : undefined
    if (opening.way === 'datagrams' && hub === undefined) {
      throw new TunnelError('PROTOCOL_ERROR', 'datagrams were not agreed on')
    }
    const { link: number } = opening
    const link = new StreamLink(options, { hub, number, isMine: false, theirs: opening })
    return { link, answer: wishes => link.answer(wishes) }
  } catch (error) {
    stream.destroy()
    throw error
  }
}

/** The same, answered with what `options` say. */
export async function acceptFlowLink(options: FlowLinkOptions): Promise<FlowLink> {
  const { link, answer } = await receiveFlowLink(options)
  answer(options)
  return link
}

/** One hub a session, whatever its links are for. */
const hubs = new WeakMap<Session, FlowHub>()

/** Undefined where the session has no datagrams. */
function hubOf(session: Session, clock: Clock): FlowHub | undefined {
  const known = hubs.get(session)
  if (known || session.datagrams === undefined) return known
  const hub = new FlowHub(session.datagrams, clock)
  hubs.set(session, hub)
  void session.closed.then(() => hub.close())
  return hub
}

interface LinkParts {
  readonly hub: FlowHub | undefined
  readonly number: number
  readonly isMine: boolean
  /** Of a link that is mine the answer brings them. */
  readonly theirs?: Wishes
}

class StreamLink implements FlowLink, HubLink {
  readonly number: number
  readonly isMine: boolean
  readonly closed: Promise<string>
  readonly #options: FlowLinkOptions
  readonly #frames: FrameChannel
  readonly #hub: FlowHub
  readonly #isAlone: boolean
  readonly #settleClosed: (reason: string) => void
  #theirs: Wishes | undefined
  #isAnswered = false
  #handler: ((flow: Flow) => void) | undefined
  #isOver = false

  constructor(options: FlowLinkOptions, { hub, number, isMine, theirs }: LinkParts) {
    const { stream, clock } = options
    this.#options = options
    this.number = number
    this.isMine = isMine
    this.#theirs = theirs
    this.#isAlone = hub === undefined
    let settle = (_reason: string): void => {}
    this.closed = new Promise(resolve => (settle = resolve))
    this.#settleClosed = settle
    stream.on('error', error => this.#finish(errorDetail(error)))
    stream.on('close', () => this.#finish('the stream was closed'))
    stream.on('end', () => this.#finish('the other side has closed it'))
    const frames = new FrameChannel(stream)
    this.#frames = frames
    this.#hub = hub ?? new FlowHub(frames, clock)
    // They are what was sent before the answer, and so all from the other end.
    if (hub) frames.onDatagram(datagram => hub.handleDatagram(datagram))
    if (!isMine) {
      frames.hold()
      this.#hub.addLink(this)
      // The owner has this turn for setting its handler.
      queueMicrotask(() => frames.start())
    }
    if (stream.destroyed) this.#finish('the stream was closed')
  }

  get redundancy(): Redundancy {
    // A stream loses nothing.
    if (this.#isAlone || this.early !== undefined) return 0
    return this.#options.redundancy ?? this.#theirs?.redundancy ?? 0
  }

  /** What the other end may refuse costs nobody else's share. */
  get bucket(): TokenBucket | undefined {
    return this.#isAlone || this.early !== undefined ? undefined : this.#options.bucket
  }

  get peerIdleMs(): number | undefined {
    return this.#theirs?.idleMs
  }

  get early(): FrameChannel | undefined {
    return this.isMine && !this.#isAnswered && !this.#isAlone ? this.#frames : undefined
  }

  /** Of a link of ours. */
  handleAnswer(theirs: Wishes): void {
    this.#theirs = theirs
    this.#isAnswered = true
    if (this.#isOver) return
    if (this.#isAlone) this.#frames.start()
    // Nothing is to come but the end.
    else this.#options.stream.resume()
  }

  /** A link of the other end. */
  answer({ redundancy, idleMs }: Partial<Wishes>): void {
    this.#isAnswered = true
    if (this.#isOver) return
    this.#options.stream.write(encodeAnswer({ redundancy, idleMs }))
    this.#frames.release()
  }

  open(address: Address): Flow | undefined {
    return this.#isOver ? undefined : this.#hub.openFlow(this, address)
  }

  onFlow(handler: (flow: Flow) => void): void {
    this.#handler = handler
  }

  handleFlow(flow: Flow): boolean {
    if (this.#isOver || this.#handler === undefined) return false
    this.#handler(flow)
    return true
  }

  close(): void {
    this.#finish('closed')
  }

  #finish(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#isAlone) this.#hub.close()
    else this.#hub.removeLink(this)
    this.#options.stream.destroy()
    this.#settleClosed(reason)
  }
}
