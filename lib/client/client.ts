// The public face of frpc: one client run from start() to close(). Signature first; the body follows.

import type { EventEmitter } from 'node:events'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ClientConfig, ProxyConfig, VisitorConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { CloseReason, Dialer, Protocol, SessionStats } from '../transport/transport.ts'

export interface ClientSetup {
  readonly config: ClientConfig
  readonly proxies: readonly ProxyConfig[]
  readonly visitors: readonly VisitorConfig[]
}

export interface ClientOptions {
  /** Default: silent. */
  readonly log?: Logger
  /** Default: the system's clock. */
  readonly clock?: Clock
  /** Default: what `transport.protocol` names; 'auto' races QUIC and TCP. Closed by the client. */
  readonly dialer?: Pick<Dialer, 'dial' | 'close'>
}

/** frp's words for the life of a proxy at the client (frp-surface.md §4.1). */
export type ProxyPhase = 'new' | 'wait start' | 'start error' | 'running' | 'closed'

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
  close: []
}

export interface Client extends EventEmitter<ClientEvents> {
  /**
   * Resolves at the first login. With `loginFailExit` it rejects when the first attempt fails (CONNECT_FAILED,
   * TLS_FAILED, TIMED_OUT, LOGIN_REFUSED; `detail` is the line frp prints); without it, it goes on trying.
   * Rejects with ABORTED when the client is closed first.
   */
  start(): Promise<void>
  /**
   * Withdraws the proxies, gives running connections up to `graceMs` (default 1_000) to finish, then ends the
   * session. Resolves within `graceMs` + 1 s, whatever the server does. Safe to call twice.
   */
  close(options?: { graceMs?: number }): Promise<void>
  /** Resolves when the client is over for good. Never rejects. */
  readonly closed: Promise<void>
  status(): ProxyStatus[]
  /** The session that has logged in, or undefined. */
  session(): SessionInfo | undefined
}

/** Makes a client; nothing happens before start(). */
export function createClient(_setup: ClientSetup, _options: ClientOptions = {}): Client {
  throw new TunnelError('UNSUPPORTED', 'the client is not there yet')
}
