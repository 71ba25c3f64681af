// A flow link whose packets only its two ends can read: frps moves them on as they are.

import type { Address } from '../address.ts'
import { encodeAddress, type Flow, type FlowEnd, type FlowLink } from '../datagram/index.ts'
import { PacketOpener, PacketSealer } from '../e2e/index.ts'

export interface LinkKeys {
  readonly sending: Buffer
  readonly receiving: Buffer
}

/** Owns `link`. `onOpened` is called for each packet that was read, so that one knows it works. */
export function sealedLink(link: FlowLink, keys: LinkKeys, onOpened: () => void): FlowLink {
  const ends: Ends = {
    sealer: new PacketSealer(keys.sending),
    opener: new PacketOpener(keys.receiving),
    onOpened,
  }
  const seal = (flow: Flow): Flow => new SealedFlow(flow, ends)
  return {
    open(address) {
      const flow = link.open(address)
      return flow && seal(flow)
    },
    onFlow: handler => link.onFlow(flow => handler(seal(flow))),
    get peerIdleMs() {
      return link.peerIdleMs
    },
    closed: link.closed,
    close: () => link.close(),
  }
}

interface Ends {
  readonly sealer: PacketSealer
  readonly opener: PacketOpener
  readonly onOpened: () => void
}

class SealedFlow implements Flow {
  readonly #flow: Flow
  readonly #ends: Ends
  readonly #bound: Buffer

  constructor(flow: Flow, ends: Ends) {
    this.#flow = flow
    this.#ends = ends
    this.#bound = encodeAddress(flow.address)
  }

  get address(): Address {
    return this.#flow.address
  }

  get isClosed(): boolean {
    return this.#flow.isClosed
  }

  send(payload: Buffer): void {
    this.#flow.send(this.#ends.sealer.seal(payload, this.#bound))
  }

  onPacket(handler: (payload: Buffer) => void): void {
    this.#flow.onPacket(packet => {
      const payload = this.#ends.opener.open(packet, this.#bound)
      if (payload === undefined) return
      this.#ends.onOpened()
      handler(payload)
    })
  }

  onClose(handler: (by: FlowEnd) => void): void {
    this.#flow.onClose(handler)
  }

  close(): void {
    this.#flow.close()
  }
}
