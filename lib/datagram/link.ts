// Makes the flow link of one stream between two of ours. The side that opened the stream says how
// the packets travel: as datagrams of the session where both have them, else as frames of the
// stream. Both say how long they keep silent flows and how much redundancy they want.

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

/**
 * The end that opened the stream. Resolves when the other end has answered. Rejects with
 * PROTOCOL_ERROR, SESSION_CLOSED or TIMED_OUT.
 */
export async function openFlowLink(options: FlowLinkOptions): Promise<FlowLink> {
  const { stream, session, clock, redundancy, idleMs } = options
  try {
    const hub = session && hubOf(session, clock)
    const link = hub?.newLinkNumber() ?? 0
    const way = hub ? 'datagrams' : 'frames'
    stream.write(encodeOpening({ way, link, redundancy, idleMs }))
    const theirs = decodeAnswer(await readExactly(stream, ANSWER_BYTES, clock))
    return new StreamLink(options, { hub, number: link, isMine: true, theirs })
  } catch (error) {
    stream.destroy()
    throw error
  }
}

/** The other end. Rejects as openFlowLink. */
export async function acceptFlowLink(options: FlowLinkOptions): Promise<FlowLink> {
  const { stream, session, clock, redundancy, idleMs } = options
  try {
    const opening = decodeOpening(await readExactly(stream, OPENING_BYTES, clock))
    const hub = opening.way === 'datagrams' ? session && hubOf(session, clock) : undefined
    if (opening.way === 'datagrams' && hub === undefined) {
      throw new TunnelError('PROTOCOL_ERROR', 'datagrams were not agreed on')
    }
    // Before the answer, because packets follow it.
    const { link: number } = opening
    const link = new StreamLink(options, { hub, number, isMine: false, theirs: opening })
    stream.write(encodeAnswer({ redundancy, idleMs }))
    return link
  } catch (error) {
    stream.destroy()
    throw error
  }
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
  readonly theirs: Wishes
}

class StreamLink implements FlowLink, HubLink {
  readonly number: number
  readonly isMine: boolean
  readonly redundancy: Redundancy
  readonly bucket: TokenBucket | undefined
  readonly peerIdleMs: number | undefined
  readonly closed: Promise<string>
  readonly #stream: Duplex
  readonly #hub: FlowHub
  readonly #isAlone: boolean
  readonly #settleClosed: (reason: string) => void
  #handler: ((flow: Flow) => void) | undefined
  #isOver = false

  constructor(options: FlowLinkOptions, { hub, number, isMine, theirs }: LinkParts) {
    const { stream, clock } = options
    this.number = number
    this.isMine = isMine
    // A stream loses nothing.
    this.redundancy = hub ? (options.redundancy ?? theirs.redundancy ?? 0) : 0
    this.bucket = hub && options.bucket
    this.peerIdleMs = theirs.idleMs
    this.#stream = stream
    this.#isAlone = hub === undefined
    let settle = (_reason: string): void => {}
    this.closed = new Promise(resolve => (settle = resolve))
    this.#settleClosed = settle
    stream.on('error', error => this.#finish(errorDetail(error)))
    stream.on('close', () => this.#finish('the stream was closed'))
    stream.on('end', () => this.#finish('the other side has closed it'))
    if (hub) {
      this.#hub = hub
      // Nothing is to come but the end.
      stream.resume()
    } else {
      const channel = new FrameChannel(stream)
      this.#hub = new FlowHub(channel, clock)
      // The owner has this turn for setting its handler.
      queueMicrotask(() => channel.start())
    }
    if (!isMine) this.#hub.addLink(this)
    if (stream.destroyed) this.#finish('the stream was closed')
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
    this.#stream.destroy()
    this.#settleClosed(reason)
  }
}
