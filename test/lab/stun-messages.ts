// What the tests' STUN-like client and server say to each other, as JSON.

/** The server has these on each of its two addresses. */
export const STUN_PORTS: readonly [number, number] = [3478, 3479]

export interface StunRequest {
  readonly id: number
  /** From where to answer. `other-address` is also another port. */
  readonly from: 'same' | 'other-port' | 'other-address'
}

export interface StunAnswer {
  readonly id: number
  /** `address:port` of the asker as the server sees it. */
  readonly mapped: string
}

/** What the client prints. */
export interface StunFindings {
  readonly localPort: number
  /** As seen by address 1 port 1, address 1 port 2, address 2 port 1. */
  readonly mapped: readonly string[]
  /** Which answers came to a socket that has asked nobody but address 1 port 1. */
  readonly admitted: readonly StunRequest['from'][]
}
