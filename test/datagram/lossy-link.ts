// Two hubs with a link between them that loses packets, on a clock that the test turns. What is
// sent in one instant shares a packet, as datagrams of a session share QUIC packets.

import { ManualClock } from '../../lib/clock.ts'
import type { Flow, Redundancy } from '../../lib/datagram/index.ts'
import type { HubLink } from '../../lib/datagram/hub-flow.ts'
import { FlowHub } from '../../lib/datagram/hub.ts'
import type { TokenBucket } from '../../lib/stream/limit.ts'
import type { DatagramChannel } from '../../lib/transport/transport.ts'
import type { Random } from '../support/random.ts'

const PACKET_BYTES = 1_350

export interface LinkOptions {
  readonly clock: ManualClock
  readonly delayMs?: number
  /** Decides about each packet; true loses it. Default: none. */
  readonly isLost?: () => boolean
  readonly maxBytes?: number
}

/** One end of the link. */
export class LossyChannel implements DatagramChannel {
  readonly maxBytes: number
  readonly #options: LinkOptions
  peer: LossyChannel | undefined
  /** While true nothing is taken. */
  isFull: boolean = false
  bytes: number = 0
  datagrams: number = 0
  packets: number = 0
  /** All datagrams that were taken, for tests that look at them. */
  readonly sent: Buffer[] = []
  #handler: ((payload: Buffer) => void) | undefined
  #onWritable: (() => void) | undefined
  #packet: Buffer[] = []
  #packetBytes = 0

  constructor(options: LinkOptions) {
    this.#options = options
    this.maxBytes = options.maxBytes ?? 1_200
  }

  send(payload: Uint8Array): boolean {
    if (this.isFull || payload.length > this.maxBytes) return false
    const copy = Buffer.from(payload)
    this.bytes += payload.length
    this.datagrams++
    if (this.sent.length < 1_000) this.sent.push(copy)
    if (this.#packetBytes + payload.length > PACKET_BYTES) this.#leave()
    if (this.#packet.length === 0) this.#options.clock.after(0, () => this.#leave())
    this.#packet.push(copy)
    this.#packetBytes += payload.length
    return true
  }

  onDatagram(handler: (payload: Buffer) => void): void {
    this.#handler = handler
  }

  onWritable(handler: () => void): void {
    this.#onWritable = handler
  }

  /** There is room again. */
  open(): void {
    this.isFull = false
    this.#onWritable?.()
  }

  deliver(payload: Buffer): void {
    this.#handler?.(payload)
  }

  #leave(): void {
    const packet = this.#packet
    if (packet.length === 0) return
    this.#packet = []
    this.#packetBytes = 0
    this.packets++
    const { clock, delayMs = 0, isLost } = this.#options
    if (isLost?.() === true) return
    clock.after(delayMs, () => {
      for (const payload of packet) this.peer?.deliver(payload)
    })
  }
}

export interface HubPair {
  readonly near: FlowHub
  readonly far: FlowHub
  readonly nearChannel: LossyChannel
  readonly farChannel: LossyChannel
  /** A link that the near side has opened; `onFlow` is the far side's. */
  link(options?: {
    readonly redundancy?: Redundancy
    readonly bucket?: TokenBucket
    readonly onFlow?: (flow: Flow) => void
  }): HubLink
}

export function hubPair(options: LinkOptions): HubPair {
  const nearChannel = new LossyChannel(options)
  const farChannel = new LossyChannel(options)
  nearChannel.peer = farChannel
  farChannel.peer = nearChannel
  const near = new FlowHub(nearChannel, options.clock)
  const far = new FlowHub(farChannel, options.clock)
  return {
    near,
    far,
    nearChannel,
    farChannel,
    link({ redundancy = 0, bucket, onFlow } = {}) {
      const number = near.newLinkNumber()
      const mine = { number, isMine: true, redundancy, bucket, handleFlow: () => false }
      far.addLink({
        ...mine,
        isMine: false,
        handleFlow(flow) {
          onFlow?.(flow)
          return onFlow !== undefined
        },
      })
      return mine
    },
  }
}

/** Loses each packet with this chance. */
export function randomLoss(random: Random, chance: number): () => boolean {
  return () => random.below(1_000_000) < chance * 1_000_000
}
