// What a server tells about itself: the events it emits and the rows of its status. For the command
// line, the bench and whoever embeds a server; nothing in here decides anything.

import type { Address } from '../address.ts'
import type { Protocol } from '../transport/transport.ts'

/**
 * Sums since the proxy was registered. `in` is what users sent, `out` what the client's service
 * answered.
 */
export interface TrafficCounters {
  readonly currentConnections: number
  readonly totalConnections: number
  /**
   * Bytes as the user sees them, before encryption and compression. Counted when a connection ends.
   */
  readonly inBytes: number
  readonly outBytes: number
}

export interface ProxyStatus extends TrafficCounters {
  /** With the user prefix, as it is known on the whole server. */
  readonly name: string
  readonly type: string
  /** What the client was told: `:6000`. */
  readonly remoteAddr: string
  readonly annotations: Readonly<Record<string, string>>
  readonly metadatas: Readonly<Record<string, string>>
}

export interface ClientStatus {
  readonly runId: string
  readonly user: string
  readonly clientId: string
  readonly hostname: string
  readonly os: string
  readonly arch: string
  /** The frp version that the client named. */
  readonly version: string
  /** Version of quicfrp when the client is one of ours. */
  readonly quicfrp?: string
  readonly protocol: Protocol
  readonly address: Address
  /** Smoothed round-trip time, where the transport has one. */
  readonly rttMs?: number
  readonly metadatas: Readonly<Record<string, string>>
  readonly proxies: readonly ProxyStatus[]
}

/** A client as events name it. */
export interface ClientEvent {
  readonly runId: string
  readonly user: string
  readonly protocol: Protocol
  readonly address: Address
}

export interface ProxyEvent {
  readonly runId: string
  readonly name: string
  readonly type: string
  readonly remoteAddr: string
}

/** One user connection that got its work stream. */
export interface WorkStreamEvent {
  readonly runId: string
  readonly proxyName: string
  readonly user: Address
}

/** Events of a server, as tuples of their arguments. */
export interface ServerEvents {
  /** A client was accepted. */
  login: [ClientEvent]
  /**
   * A Login was answered with an error; `reason` is the detailed text, whatever the client was
   * told.
   */
  loginRefused: [{ readonly address: Address; readonly reason: string }]
  /** A client is gone and its ports are free. */
  logout: [ClientEvent & { readonly reason: string }]
  /** A proxy can be used: its port is open. */
  proxyUp: [ProxyEvent]
  /** A proxy is gone: its port is free. */
  proxyDown: [ProxyEvent]
  /** A NewProxy was answered with an error. */
  proxyRefused: [{ readonly runId: string; readonly name: string; readonly reason: string }]
  /** A user connection was joined with a work stream. */
  workStream: [WorkStreamEvent]
  /** The server is closed; nothing follows. */
  close: []
}
