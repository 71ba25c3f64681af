// Decides which route carries a peer connection: the relay at once, a direct path as soon as one is
// proven, back to the relay when it dies (nat-traversal.md §5.6, §5.7). It opens no path: it says
// when to try. Sans-IO.

import type {
  Delivery,
  FoundPath,
  Hint,
  PathCommand,
  PathRole,
  PathState,
  Route,
} from './types.ts'

export interface PathPolicyOptions {
  readonly role: PathRole
  /** 0 <= x < 1. */
  readonly random: () => number
}

/**
 * One peer connection. After each `handle…` poll until undefined, then again at `deadline()`. The
 * driver begins on the relay without being told. Times in milliseconds.
 */
export class PathPolicy {
  readonly #options: PathPolicyOptions
  #now: number

  constructor(options: PathPolicyOptions, now: number) {
    this.#options = options
    this.#now = now
  }

  /** The relay can carry packets, or cannot. `rttMs` where it was measured. */
  handleRelay(isUp: boolean, rttMs: number | undefined, now: number): void {
    void [isUp, rttMs, now]
  }

  /** Punching opened a path. */
  handlePath(path: FoundPath, now: number): void {
    void [path, now]
  }

  /** A path is gone for certain: its socket failed or was closed. */
  handlePathGone(id: number, now: number): void {
    void [id, now]
  }

  /** An authenticated packet came that way: of QUIC, a probe, an answer. */
  handleInbound(route: Route, now: number): void {
    void [route, now]
  }

  /** A packet that QUIC expects to be acknowledged was sent on the route in use. */
  handleOutbound(now: number): void {
    void now
  }

  /** The answer to a probe; it counts as inbound, too. */
  handleProbeAnswer(route: Route, nonce: number, rttMs: number, now: number): void {
    void [route, nonce, rttMs, now]
  }

  /** Bytes of a user passed, either way. What only keeps the connection alive does not count. */
  handleActivity(now: number): void {
    void now
  }

  /** What QUIC measured of the route in use, about once a second while it sends. */
  handleDelivery(delivery: Delivery, now: number): void {
    void [delivery, now]
  }

  /** An interface came or went, or a server sees another address of ours. */
  handleNetworkChange(now: number): void {
    void now
  }

  /** We can be reached at addresses that the last round did not have (a port mapping, say). */
  handleNewCandidates(now: number): void {
    void now
  }

  /** The other end's hint. */
  handleHint(hint: Hint, now: number): void {
    void [hint, now]
  }

  /**
   * The round of punching is over without a path, or with all that it finds. `reason`: why nothing
   * opened, for people; undefined where something did. `isHopeless`: not to be tried again soon.
   */
  handlePunchEnd(
    end: { readonly reason: string | undefined; readonly isHopeless: boolean },
    now: number,
  ): void {
    void [end, now]
  }

  /** What to do next; undefined when there is nothing until the deadline. */
  poll(now: number): PathCommand | undefined {
    void now
    return undefined
  }

  deadline(): number | undefined {
    return undefined
  }

  state(): PathState {
    void this.#options
    return {
      route: 'relay',
      kind: 'relay',
      technique: undefined,
      duplicate: undefined,
      since: this.#now,
      reason: 'no direct path was tried yet',
      rttMs: undefined,
      loss: undefined,
      switches: 0,
      timeToDirectMs: undefined,
    }
  }
}
