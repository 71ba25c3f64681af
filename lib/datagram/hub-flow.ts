// One flow of a hub: what its owner sees of it, and what the hub keeps for it.

import type { Address } from '../address.ts'
import type { TokenBucket } from '../stream/limit.ts'
import type { HeldPackets } from './copies.ts'
import { DuplicateWindow } from './duplicates.ts'
import type { Flow, FlowEnd, Redundancy } from './flow.ts'
import { encodeAddress, MAX_HEAD_BYTES, writeNumber } from './header.ts'

/** What a hub must know of a link. */
export interface HubLink {
  /** As its opener numbered it. */
  readonly number: number
  readonly isMine: boolean
  readonly redundancy: Redundancy
  readonly bucket: TokenBucket | undefined
  /** Takes its datagrams as long as the other side may not know the link. */
  readonly early?: { send(datagram: Uint8Array): boolean } | undefined
  /** Tells the link's owner of a flow that the other side has opened; false refuses it. */
  handleFlow(flow: Flow): boolean
}

/** What a flow asks of its hub. */
export interface FlowHost {
  send(flow: HubFlow, payload: Buffer): void
  closeFlow(flow: HubFlow): void
}

export interface HubFlowOptions {
  readonly link: HubLink
  readonly id: number
  readonly isMine: boolean
  readonly address: Address
}

/** Public members beyond Flow's are the hub's. */
export class HubFlow implements Flow {
  readonly address: Address
  readonly link: HubLink
  readonly id: number
  readonly isMine: boolean
  readonly window: DuplicateWindow = new DuplicateWindow()
  readonly held: HeldPackets<HubFlow> = []
  /** What each packet carries until the other side has answered. */
  introduction: Buffer | undefined
  sequence: number = 0
  // Of copy-budget.ts.
  rateAt: number = -Infinity
  ratePackets: number = 0
  rateBytes: number = 0
  isClosed: boolean = false
  handlePacket: ((payload: Buffer) => void) | undefined
  readonly #host: FlowHost
  #handleClose: ((by: FlowEnd) => void) | undefined

  constructor(host: FlowHost, { link, id, isMine, address }: HubFlowOptions) {
    this.#host = host
    this.link = link
    this.id = id
    this.isMine = isMine
    this.address = address
    if (isMine) this.introduce()
  }

  /** The other side does not know it (any more): its packets say whose it is. */
  introduce(): void {
    const bytes = Buffer.alloc(MAX_HEAD_BYTES)
    const at = writeNumber(bytes, 0, this.link.number)
    const length = at + encodeAddress(this.address).copy(bytes, at)
    this.introduction = Buffer.from(bytes.subarray(0, length))
  }

  send(payload: Buffer): void {
    if (!this.isClosed) this.#host.send(this, payload)
  }

  onPacket(handler: (payload: Buffer) => void): void {
    this.handlePacket = handler
  }

  onClose(handler: (by: FlowEnd) => void): void {
    this.#handleClose = handler
  }

  close(): void {
    if (!this.isClosed) this.#host.closeFlow(this)
  }

  /** `by` is left out where this side ends it itself. */
  handleDropped(by: FlowEnd | undefined): void {
    if (this.isClosed) return
    this.isClosed = true
    this.handlePacket = undefined
    if (by !== undefined) this.#handleClose?.(by)
  }
}
