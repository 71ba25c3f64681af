// The public face of frpc: what a program gives to a client and what it gets. The work is done in
// run.ts.

import type { EventEmitter } from 'node:events'
import type { Bench } from '../bench/index.ts'
import type { Clock } from '../clock.ts'
import type { ClientConfig, ProxyConfig, VisitorConfig } from '../config/index.ts'
import type { Logger } from '../log.ts'
import type { PeerStatus } from '../peer/index.ts'
import type { Way } from './attempt.ts'
import { ClientRun } from './run.ts'
import type { ClientEvents, ProxyStatus, SessionInfo, VisitorStatus } from './status.ts'

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
  readonly dialer?: Way
}

export interface Client extends EventEmitter<ClientEvents> {
  /**
   * Resolves at the first login. With `loginFailExit` it rejects when the first attempt fails
   * (CONNECT_FAILED, TLS_FAILED, TIMED_OUT, LOGIN_REFUSED; `detail` is the line frp prints);
   * without it, it goes on trying. Rejects with ABORTED when the client is closed first.
   */
  start(): Promise<void>
  /**
   * Withdraws the proxies, gives running connections up to `graceMs` (default 1_000) to finish,
   * then ends the session. Resolves within `graceMs` + 1 s, whatever the server does. Safe to call
   * twice.
   */
  close(options?: { graceMs?: number }): Promise<void>
  /** Resolves when the client is over for good. Never rejects. */
  readonly closed: Promise<void>
  status(): ProxyStatus[]
  visitors(): VisitorStatus[]
  /** The peer connections of xtcp visitors and proxies, and which way each of them goes. */
  peers(): PeerStatus[]
  /** The session that has logged in, or undefined. */
  session(): SessionInfo | undefined
  /**
   * Begins a bench over the session, of at most `seconds`, where the server allows it (allowBench).
   * It ends with the session. Rejects with UNSUPPORTED, whose detail says what to set,
   * LIMIT_EXCEEDED, SESSION_CLOSED or TIMED_OUT.
   */
  openBench(options: { readonly seconds: number }): Promise<Bench>
}

/**
 * Makes a client; nothing happens before start(). Throws UNSUPPORTED for a proxy or visitor type
 * that is not there yet, CONFIG_INVALID for a proxy that does not fit into a message.
 */
export function createClient(setup: ClientSetup, options: ClientOptions = {}): Client {
  return new ClientRun(setup, options)
}
