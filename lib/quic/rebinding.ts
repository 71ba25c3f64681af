// Follows a client of ours whose address changes (a NAT that rebinds, another network) without
// quiche knowing: quiche 0.18 migrates too, but then leaves packets that were in flight on the old
// path unsent for minutes, and a transfer to the client hangs one time in five. So quiche is told
// one address for good, lost packets are lost packets, and the endpoint sends to where the client
// was last heard. Sans-IO.
//
// What RFC 9000 section 9.3 asks for with path validation is asked for here in another way: only
// packets that decrypt and are new count, and the address moves after two of them in a row.
// Somebody who can see and overtake packets could point the stream elsewhere for as long as he
// overtakes every one; such a one can stop it altogether anyway.

import type { Address } from '../address.ts'

const PACKETS_TO_MOVE = 2

export class Rebinding {
  #candidate: Address | undefined
  #count = 0

  /** A packet came from the known address. */
  handleKnown(): void {
    this.#candidate = undefined
  }

  /** A new, authentic packet came from elsewhere. True when the connection has moved there. */
  handleOther(from: Address): boolean {
    this.#count = from === this.#candidate ? this.#count + 1 : 1
    this.#candidate = from
    return this.#count >= PACKETS_TO_MOVE
  }
}
