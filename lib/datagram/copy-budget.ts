// How many copies of a packet are sent: what its link says, and for `auto` what the loss says,
// within bounds. Sans-IO.

import type { Redundancy } from './flow.ts'

/**
 * `auto` gives no copies to a flow that is busier than any game, in a tenth of a second: a VPN's
 * bulk would only fill the link twice.
 */
const RATE_PERIOD_MS = 100
const MAX_RATE_PACKETS = 50
const MAX_RATE_BYTES = 64 << 10

/**
 * ... and so many to all flows of a session together: some 80 players at 60/s. Beyond that the
 * processor is what is short, and packets that get lost for that must not become more.
 */
const MAX_RATE_COPIES = 500

/** What each flow keeps for the budget. */
export interface RatedFlow {
  readonly link: { readonly redundancy: Redundancy }
  rateAt: number
  ratePackets: number
  rateBytes: number
}

/** Of one session. Times in milliseconds. */
export class CopyBudget {
  #rateAt = -Infinity
  #rateCopies = 0

  /** Asked once for each packet. `wanted` is what the loss of the session asks for. */
  take(flow: RatedFlow, bytes: number, wanted: 0 | 1, now: number): 0 | 1 | 2 | 3 {
    const { redundancy } = flow.link
    if (redundancy !== 'auto') return redundancy
    if (wanted === 0) return 0
    if (now - flow.rateAt >= RATE_PERIOD_MS) {
      flow.rateAt = now
      flow.ratePackets = 0
      flow.rateBytes = 0
    }
    if (now - this.#rateAt >= RATE_PERIOD_MS) {
      this.#rateAt = now
      this.#rateCopies = 0
    }
    flow.ratePackets++
    flow.rateBytes += bytes
    if (flow.ratePackets > MAX_RATE_PACKETS || flow.rateBytes > MAX_RATE_BYTES) return 0
    return this.#rateCopies++ < MAX_RATE_COPIES ? 1 : 0
  }
}
