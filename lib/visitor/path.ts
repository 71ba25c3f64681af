// The way from a visitor to its proxy, as the visitor sees it: streams that reach the service,
// wherever the bytes travel at the moment. stcp's way is the relay for good; xtcp's begins there and
// moves to a direct one under streams that run.

import type { Duplex } from 'node:stream'
import type { Address } from '../address.ts'
import type { FirstBytes } from './first-bytes.ts'

/** Where the bytes go at the moment. */
export interface Route {
  /** `relay`: through frps. `direct`: from one client to the other. */
  readonly kind: 'relay' | 'direct'
  /** The next hop: the server, or the other client. */
  readonly address: Address
}

/** For the log, once it is known who can read. */
export const END_TO_END = 'end to end with the proxy: the server cannot read along'
export const NOT_END_TO_END =
  'not end to end: the server or the proxy is a real frp, the server can read along'

export interface OpenStreamOptions {
  readonly signal: AbortSignal
  /** Of the user; a path that waits for an answer may send them with its question. */
  readonly first?: FirstBytes
}

export interface PathStream {
  /** Plain bytes from and to the service of the proxy. The taker destroys it. */
  readonly stream: Duplex
  /** Whether an end in one direction leaves the other open. */
  readonly halfClose: boolean
  /** The owner has let the visitor in; where not yet, an error of the stream may say why not. */
  readonly isAccepted: boolean
}

export interface VisitorPath {
  /**
   * One user's stream. It survives each change of the route without losing a byte, and fails when
   * there is no route any more. Rejects with ABORTED (the signal), PROXY_REFUSED (the server's or
   * the owner's words), AUTH_FAILED, SESSION_CLOSED or TIMED_OUT.
   */
  openStream(options: OpenStreamOptions): Promise<PathStream>
  /** Undefined while there is none. */
  readonly route: Route | undefined
  /** Called at each change of `route`. One handler. */
  onRoute(handler: (route: Route | undefined) => void): void
  /** No new streams; those that run end with their users. */
  close(): Promise<void>
  /** Ends them, where they do not end with the session. */
  end?(): void
}
