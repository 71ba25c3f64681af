// What carries the packets of udp and sudp proxies, as the proxies see it: a link between the two
// ends of one proxy, and on it one flow for each user. Whether the packets travel as QUIC
// datagrams, as frames of a stream or as frp's messages is decided in link.ts.

import type { Address } from '../address.ts'

/**
 * Largest packet of a flow, bytes: the largest payload of a UDP packet over IPv4 (65,507), and what
 * sudp's seal adds to it (e2e/packets.ts).
 */
export const MAX_PACKET_BYTES: number = 65_507 + 22

/**
 * How often a packet is sent again, unasked: so many copies, each with a later packet of its flow.
 * `auto` is 1 while packets are being lost, else 0.
 */
export type Redundancy = 0 | 1 | 2 | 3 | 'auto'

/** The other side has closed the flow, or the link it was on is over. */
export type FlowEnd = 'peer' | 'link'

/** The packets of one user. Best effort: they can be lost, and come in any order. */
export interface Flow {
  /** The user's. */
  readonly address: Address
  readonly isClosed: boolean
  /**
   * `payload` (at most MAX_PACKET_BYTES) is lent for the call. Dropped where the link is full, or
   * the flow is closed.
   */
  send(payload: Buffer): void
  /** `payload` is lent for the duration of the call. One handler; without one packets are lost. */
  onPacket(handler: (payload: Buffer) => void): void
  /** Not called for our own `close`. */
  onClose(handler: (by: FlowEnd) => void): void
  /** Ends it at both sides. Safe to call twice. */
  close(): void
}

export interface FlowLink {
  /**
   * A flow for a new user; the other side learns of it with the first packet. Undefined when the
   * link is over or has too many flows.
   */
  open(address: Address): Flow | undefined
  /**
   * The other side has opened a flow: set its handlers within the call, the first packet follows.
   * One handler; without one the flows are refused.
   */
  onFlow(handler: (flow: Flow) => void): void
  /**
   * How long the other side keeps a flow without packets, milliseconds; undefined where it does not
   * say (real frp).
   */
  readonly peerIdleMs: number | undefined
  /** Why it is over, for a log line. Never rejects. */
  readonly closed: Promise<string>
  /** Ends it with its flows and its stream. Safe to call twice. */
  close(): void
}
