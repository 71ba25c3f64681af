// What a visitor is given and what it gives back. It asks its host for the session of the moment and
// knows nothing of the client around it, so that it runs in a test with a fake host.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { HoleNetwork, HoleSignalling } from '../nathole/index.ts'
import type { PeerNetwork, PeerStatus } from '../peer/index.ts'
import type { Session } from '../transport/transport.ts'
import type { Route } from './path.ts'

/** A session that has logged in. */
export interface VisitorSession {
  readonly session: Session
  readonly runId: string
  /** What the server can do beyond frp; empty for a real frps. */
  readonly features: readonly string[]
  /** Of frp's hole punching. */
  readonly signalling: HoleSignalling
  /** For the same; with those that frps offers. Default: those of the config. */
  readonly stunServers?: readonly string[]
}

export interface VisitorHost {
  /** With the visitor's name as its last tag. */
  readonly log: Logger
  readonly clock: Clock
  /** Of the client; the proxy's name is prefixed with it unless serverUser is set. */
  readonly user: string
  /**
   * The session of the moment; while there is none, the next one. Rejects with SESSION_CLOSED when
   * none comes in time, or ABORTED.
   */
  session(options: { readonly signal: AbortSignal }): Promise<VisitorSession>
  /** The same without waiting. */
  current(): VisitorSession | undefined
  /** Of this machine, for peer connections. */
  readonly network: PeerNetwork
  /** For frp's hole punching. */
  readonly holeNetwork: HoleNetwork
  /** Another visitor of this client, by its name. */
  visitor(name: string): Visitor | undefined
  /** The phase or the address of the visitor has changed. */
  changed(): void
}

/** `waiting`: not asked to start yet. `start error`: its port cannot be opened; it tries again. */
export type VisitorPhase = 'waiting' | 'running' | 'start error' | 'closed'

export interface VisitorState {
  readonly phase: VisitorPhase
  /** Where its users connect, `127.0.0.1:6000`; empty unless it runs and listens. */
  readonly localAddr: string
  /** Why the last start failed; empty otherwise. */
  readonly error: string
  readonly route: Route | undefined
  /** Of an xtcp visitor with an owner of ours. */
  readonly peer?: PeerStatus
}

export interface Visitor {
  /** Opens its port, and goes on trying while that is taken. Once. */
  start(): void
  state(): VisitorState
  /** Serves a user who came by another visitor (fallbackTo). Owns the stream. */
  serve(user: Duplex): void
  /** Closes its port at once; resolves when the last user has left. */
  close(): Promise<void>
  /** After `close`, for ways that do not end with the session: drops who has not left. */
  end?(): void
}
