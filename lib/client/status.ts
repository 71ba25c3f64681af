// What a client tells about itself: the events it emits and the rows of its status. For the command
// line, the bench and whoever embeds a client; nothing in here decides anything.

import type { Address } from '../address.ts'
import type { CloseReason, Protocol, SessionStats } from '../transport/transport.ts'
import type { VisitorType } from '../config/index.ts'
import type { PeerStatus } from '../peer/index.ts'
import type { VisitorState } from '../visitor/index.ts'
import type { ProxyPhase } from './proxy-state.ts'

export type { ProxyPhase }

/** One row of the status table, names without the user prefix. */
export interface ProxyStatus {
  readonly name: string
  readonly type: string
  readonly phase: ProxyPhase
  /** `127.0.0.1:22` */
  readonly localAddr: string
  /** Where users connect, `frps.example:6000`; empty unless running. */
  readonly remoteAddr: string
  /** Why the last start failed, in the server's words; empty otherwise. */
  readonly error: string
}

export interface SessionInfo extends SessionStats {
  readonly protocol: Protocol
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly runId: string
  /** What the server agreed to; empty with a real frps. */
  readonly features: readonly string[]
}

/** One row of the visitors, names without the user prefix. */
export interface VisitorStatus extends VisitorState {
  readonly name: string
  readonly type: VisitorType
}

export interface ClientEvents {
  /** A transport was chosen and its session is up; login follows. */
  path: [{ protocol: Protocol; localAddress: Address; remoteAddress: Address }]
  login: [{ runId: string; serverVersion: string; features: readonly string[] }]
  /** A session that had logged in is over. The client goes on trying unless it is being closed. */
  disconnect: [CloseReason]
  proxyUp: [{ name: string; remoteAddr: string }]
  /** The server refused the proxy (`error` is its text), or its session is over. */
  proxyDown: [{ name: string; error: string }]
  /** A user's connection was joined with the local service. `ended` never rejects. */
  workStream: [
    {
      proxy: string
      source: Address | undefined
      ended: Promise<{ bytesToLocal: number; bytesToUser: number }>
    },
  ]
  /** A visitor opened its port, or could not. */
  visitor: [VisitorStatus]
  /** A peer connection came, went, or goes another way: all of them. */
  peer: [readonly PeerStatus[]]
  close: []
}
