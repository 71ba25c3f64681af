// All flows over one datagram channel: a session's, for all proxies of a client, or that of a
// single stream. It writes and reads the heads, cuts what is too long, keeps what cannot leave yet,
// sends copies and drops what comes twice. What a link is for is not its business.
//
// A flow is introduced by its packets: each carries the link's number and the user's address until
// the other side has answered. So nothing waits for an exchange, and a side that has forgotten a
// flow (idle time-out, restart) says UNKNOWN and is introduced to it again.

import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { DatagramChannel } from '../transport/transport.ts'
import { Copies, type Held } from './copies.ts'
import { CopyBudget } from './copy-budget.ts'
import { STALE } from './duplicates.ts'
import { FairQueue, FAR_LIMITS, NEAR_LIMITS } from './fair-queue.ts'
import { FlowIds } from './flow-ids.ts'
import { MAX_PACKET_BYTES, type Flow, type FlowEnd } from './flow.ts'
import {
  CLOSED,
  COPY,
  decodeAddress,
  emptyHead,
  KNOWN,
  MAX_HEAD_BYTES,
  MAX_NUMBER,
  OPEN,
  PART,
  readHead,
  REPORT,
  THEIRS,
  UNKNOWN,
  writeNumber,
  type Head,
} from './header.ts'
import { type FlowHost, HubFlow, type HubLink } from './hub-flow.ts'
import { LossCounter, LossSwitch } from './loss.ts'
import { Reassembly } from './reassembly.ts'

/** Flows that the other side may have open at once, of all its links. About 1 kB each here. */
const MAX_FLOWS = 65_536

/** Where outgoing datagrams are put together; one for all, as the channel copies what it takes. */
const scratch = Buffer.allocUnsafeSlow(MAX_PACKET_BYTES + MAX_HEAD_BYTES)

export class FlowHub implements FlowHost {
  readonly #channel: DatagramChannel
  readonly #clock: Clock
  readonly #ids = new FlowIds()
  readonly #mine = new Map<number, HubFlow>()
  readonly #theirs = new Map<number, HubFlow>()
  readonly #theirLinks = new Map<number, HubLink>()
  readonly #queue = new FairQueue<HubFlow>()
  readonly #reassembly = new Reassembly()
  readonly #copies = new Copies<HubFlow>()
  readonly #copyBudget = new CopyBudget()
  readonly #lossSwitch = new LossSwitch()
  readonly #lossCounter = new LossCounter()
  readonly #head = emptyHead()
  readonly #sendBytes = (bytes: Buffer): boolean => this.#channel.send(bytes)
  #nextLink = 0
  #cancelTimer: (() => void) | undefined
  #ringsAt = Infinity
  #isOver = false

  constructor(channel: DatagramChannel, clock: Clock) {
    this.#channel = channel
    this.#clock = clock
    channel.onDatagram(datagram => this.handleDatagram(datagram))
    channel.onWritable(() => this.#queue.serve(this.#clock.now(), this.#sendBytes))
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  /** Copies of each packet that `auto` sends now, and the loss that says so. */
  get redundancy(): { readonly copies: number; readonly loss: number } {
    return { copies: this.#lossSwitch.copies, loss: this.#lossSwitch.loss }
  }

  /** A number for a link that this side opens. */
  newLinkNumber(): number {
    return this.#nextLink++ % MAX_NUMBER
  }

  /** A link that the other side has opened; its flows can come from now on. */
  addLink(link: HubLink): void {
    this.#theirLinks.set(link.number, link)
  }

  /** The link is over: its flows end, silently for the other side, which knows. */
  removeLink(link: HubLink): void {
    if (!link.isMine && this.#theirLinks.get(link.number) === link) {
      this.#theirLinks.delete(link.number)
    }
    for (const flow of (link.isMine ? this.#mine : this.#theirs).values()) {
      if (flow.link === link) this.#drop(flow, 'link')
    }
  }

  openFlow(link: HubLink, address: Address): Flow | undefined {
    if (this.#isOver || this.#mine.size >= MAX_FLOWS) return undefined
    const id = this.#ids.take(this.#clock.now())
    if (id === undefined) return undefined
    const flow = new HubFlow(this, { link, id, isMine: true, address })
    this.#mine.set(id, flow)
    return flow
  }

  /** The session is over. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelTimer?.()
    for (const flow of [...this.#mine.values(), ...this.#theirs.values()]) {
      this.#drop(flow, 'link')
    }
    this.#theirLinks.clear()
  }

  // ---- out

  send(flow: HubFlow, payload: Buffer): void {
    if (this.#isOver || payload.length > MAX_PACKET_BYTES) return
    const now = this.#clock.now()
    const { bucket } = flow.link
    if (bucket !== undefined && !bucket.tryTake(payload.length, now)) return
    flow.sequence = (flow.sequence + 1) & 0xffff
    const isGone = this.#transmit(flow, payload, { sequence: flow.sequence, isCopy: false, now })
    // Where packets wait, the link is full, and copies would make that worse.
    if (!isGone) return
    if (flow.held.length > 0) this.#copies.withNext(flow, now, this.#sendCopy)
    const wanted = this.#lossSwitch.copies
    const copies = this.#copyBudget.take(flow, payload.length, wanted, now)
    if (copies === 0) return
    this.#copies.hold(flow, { sequence: flow.sequence, payload }, copies, now)
    this.#arm(this.#copies.deadline())
  }

  /** Ends a flow by the wish of this side. */
  closeFlow(flow: HubFlow): void {
    if (!this.#isOver) this.#tell(CLOSED, flow)
    this.#drop(flow)
  }

  readonly #sendCopy = ({ flow, sequence, bytes }: Held<HubFlow>): void => {
    this.#transmit(flow, bytes, { sequence, isCopy: true, now: 0 })
  }

  /** False when some of it had to wait. Copies never wait: then they are not sent. */
  #transmit(
    flow: HubFlow,
    payload: Buffer,
    { sequence, isCopy, now }: { sequence: number; isCopy: boolean; now: number },
  ): boolean {
    const { introduction } = flow
    const flags =
      (flow.isMine ? 0 : THEIRS) |
      (introduction === undefined ? 0 : OPEN) |
      (isCopy ? COPY : 0)
    let at = writeNumber(scratch, 1, flow.id)
    scratch[at++] = sequence >>> 8
    scratch[at++] = sequence & 0xff
    const partAt = at
    const introductionBytes = introduction?.length ?? 0
    const room = this.#channel.maxBytes - at - introductionBytes
    if (payload.length <= room) {
      scratch[0] = flags
      if (introduction !== undefined) at += introduction.copy(scratch, at)
      at += payload.copy(scratch, at)
      return this.#put(flow, at, { isCopy, now })
    }
    const size = room - 2
    const last = Math.ceil(payload.length / size) - 1
    if (size <= 0 || last > 255) return true
    scratch[0] = flags | PART
    introduction?.copy(scratch, partAt + 2)
    const dataAt = partAt + 2 + introductionBytes
    let isGone = true
    for (let part = 0; part <= last; part++) {
      scratch[partAt] = part
      scratch[partAt + 1] = last
      const end = Math.min(payload.length, (part + 1) * size)
      const length = dataAt + payload.copy(scratch, dataAt, part * size, end)
      isGone = this.#put(flow, length, { isCopy, now }) && isGone
    }
    return isGone
  }

  #put(flow: HubFlow, length: number, how: { isCopy: boolean; now: number }): boolean {
    const datagram = scratch.subarray(0, length)
    const { early } = flow.link
    if (early !== undefined) return early.send(datagram)
    if (this.#queue.isEmpty && this.#channel.send(datagram)) return true
    if (how.isCopy) return false
    this.#queue.limits = this.#channel.isNear === true ? NEAR_LIMITS : FAR_LIMITS
    this.#queue.push(flow, Buffer.from(datagram), how.now)
    return false
  }

  /** A word about a flow. Lost where the link is full: the next packet brings it up again. */
  #tell(kind: number, { id, isMine }: { readonly id: number; readonly isMine: boolean }): void {
    scratch[0] = isMine ? kind : kind | THEIRS
    this.#channel.send(scratch.subarray(0, writeNumber(scratch, 1, id)))
  }

  // ---- in

  /** Of the channel, or one that came another way. */
  handleDatagram(datagram: Buffer): void {
    const head = this.#head
    if (this.#isOver || !readHead(datagram, head)) return
    if (head.isPacket) {
      this.#receivePacket(datagram, head)
      return
    }
    if (head.kind === REPORT) {
      this.#lossSwitch.handleReport(head.expected, head.received, this.#queue.dropped)
      return
    }
    // What is theirs for the sender is mine.
    const flow = (head.isTheirs ? this.#mine : this.#theirs).get(head.flow)
    if (flow === undefined) return
    if (head.kind === KNOWN) flow.introduction = undefined
    else if (head.kind === UNKNOWN && flow.isMine) flow.introduce()
    else this.#drop(flow, 'peer')
  }

  #receivePacket(datagram: Buffer, head: Head): void {
    const { isTheirs, kind, sequence, length } = head
    const isCopy = (kind & COPY) !== 0
    const isIntroduction = (kind & OPEN) !== 0
    let flow = (isTheirs ? this.#mine : this.#theirs).get(head.flow)
    if (isTheirs) {
      if (flow !== undefined) flow.introduction = undefined
    } else if (isIntroduction) {
      const known = this.#introduced(flow, datagram, head)
      if (known === undefined) return
      flow = known
      if (!isCopy) this.#tell(KNOWN, flow)
    }
    if (flow === undefined) {
      if (!isCopy) this.#tell(UNKNOWN, { id: head.flow, isMine: isTheirs })
      return
    }
    let payload = datagram.subarray(length)
    if ((kind & PART) !== 0) {
      if (flow.window.isStale(sequence)) return
      // Of a flow of at most 2^21 numbers, in either direction: below 2^53.
      const key = (head.flow * 2 + (isTheirs ? 1 : 0)) * 65_536 + sequence
      const whole = this.#reassembly.handlePart(key, head, payload, this.#clock.now())
      if (whole === undefined) return
      payload = whole
    }
    const ahead = flow.window.accept(sequence)
    const { link } = flow
    if (ahead === STALE) return
    if (link.redundancy === 'auto') {
      this.#lossCounter.handlePacket(ahead, isCopy)
      this.#arm(this.#lossCounter.deadline())
    }
    if (link.bucket?.tryTake(payload.length, this.#clock.now()) === false) return
    flow.handlePacket?.(payload)
  }

  /** The flow that a packet introduces: the one we have, or a new one, if its link takes it. */
  #introduced(known: HubFlow | undefined, datagram: Buffer, head: Head): HubFlow | undefined {
    if (known !== undefined && known.link.number === head.link) return known
    // Its number has been given to another user since.
    if (known !== undefined) this.#drop(known, 'peer')
    const link = this.#theirLinks.get(head.link)
    if (link === undefined || this.#theirs.size >= MAX_FLOWS) return undefined
    const address = decodeAddress(datagram, head.addressAt)
    const flow = new HubFlow(this, { link, id: head.flow, isMine: false, address })
    this.#theirs.set(head.flow, flow)
    if (link.handleFlow(flow) && !flow.isClosed) return flow
    this.#theirs.delete(head.flow)
    return undefined
  }

  /** `by` is left out where this side ends it itself. */
  #drop(flow: HubFlow, by?: FlowEnd): void {
    const flows = flow.isMine ? this.#mine : this.#theirs
    if (flows.get(flow.id) === flow) {
      flows.delete(flow.id)
      if (flow.isMine) this.#ids.release(flow.id, this.#clock.now())
    }
    this.#queue.forget(flow)
    this.#copies.forget(flow)
    flow.handleDropped(by)
  }

  // ---- time

  #arm(deadline: number | undefined): void {
    if (deadline === undefined || deadline >= this.#ringsAt) return
    this.#cancelTimer?.()
    this.#ringsAt = deadline
    this.#cancelTimer = this.#clock.after(deadline - this.#clock.now(), () => this.#ring())
  }

  #ring(): void {
    this.#ringsAt = Infinity
    const now = this.#clock.now()
    for (let held = this.#copies.poll(now); held !== undefined; held = this.#copies.poll(now)) {
      this.#sendCopy(held)
    }
    if (this.#lossCounter.poll(now)) {
      scratch[0] = REPORT
      scratch.writeUInt32BE(this.#lossCounter.expected, 1)
      scratch.writeUInt32BE(this.#lossCounter.received, 5)
      this.#channel.send(scratch.subarray(0, 9))
    }
    this.#arm(this.#copies.deadline())
    this.#arm(this.#lossCounter.deadline())
  }
}
