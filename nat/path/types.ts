// What the path policy and its driver tell each other (nat-traversal.md §5.6, §5.7).

/** A way to the peer: over frps, or the number that the driver gave a punched path. */
export type Route = 'relay' | number

/** What both ends know of a punched path; it decides between paths that are equally fast. */
export type PathKind = 'lan' | 'v6' | 'v4'

/** A route in the words of both ends: they number their paths apart. */
export type RouteKind = 'relay' | PathKind

/** The visitor chooses; the owner follows, and both leave a route that died by themselves. */
export type PathRole = 'visitor' | 'owner'

/** A path whose authenticated request and response were both seen. */
export interface FoundPath {
  /** Never used for another path of this connection. */
  readonly id: number
  readonly kind: PathKind
  readonly rttMs: number
  /** How punching opened it, for people. */
  readonly technique: string
}

/**
 * What one end tells the other outside the order of QUIC. Small, may be lost or come twice: what
 * matters is repeated. `using` answers `use`, and says that its sender left a route.
 */
export type Hint =
  /** The visitor sends that way now; the owner shall, too. */
  | { readonly type: 'use'; readonly kind: RouteKind }
  | { readonly type: 'using'; readonly kind: RouteKind }
  /** Nothing comes this way any more: send another way as well. */
  | { readonly type: 'lost'; readonly kind: RouteKind }
  /** The sender's network changed, or it can be reached at new addresses: punch again now. */
  | { readonly type: 'rebound' }

/** `plain` spares both NATs the flood of a hard punch. */
export type PunchScope = 'full' | 'plain'

export type PathCommand =
  /**
   * Send an authenticated probe that way; its answer comes back as `handleProbeAnswer` with the
   * nonce. On the relay it goes outside of QUIC, too.
   */
  | { readonly type: 'probe'; readonly route: Route; readonly nonce: number }
  /**
   * Send payload on `route`, and while `duplicate` is set a copy of each packet there; at once
   * something that QUIC has to acknowledge, too. Its own probes are seconds apart after an outage
   * (each waits twice as long as the one before), and until one is answered nothing else is sent.
   */
  | {
      readonly type: 'use'
      readonly route: Route
      readonly duplicate: Route | undefined
      /** For logs and people. */
      readonly reason: string
    }
  /**
   * Begin this round of punching, with candidates that are fresh (after a `rediscover` those that
   * it finds) and tell the owner. Only a visitor gets this one.
   */
  | {
      readonly type: 'punch'
      readonly round: number
      readonly scope: PunchScope
      readonly reason: string
    }
  /** Forget a path, and its socket where it was its own. Never the one in use. */
  | { readonly type: 'drop'; readonly path: number; readonly reason: string }
  /** Tell the other end, that way and outside of QUIC's order (a probe can carry it). */
  | { readonly type: 'hint'; readonly hint: Hint; readonly route: Route }
  /** Our own addresses may have changed: look again, and offer what is found. */
  | { readonly type: 'rediscover'; readonly reason: string }

/** What QUIC measured of the route in use, about once a second. */
export interface Delivery {
  readonly bytesPerSecond: number
  /** Lost packets of those sent since the last report, 0..1. */
  readonly loss: number
  /** Probe time-outs of QUIC since the last report. */
  readonly probeTimeouts: number
  /** False where the application had less to send than the path could take. */
  readonly isLoaded: boolean
}

/** For `frpc peers`. */
export interface PathState {
  readonly route: Route
  readonly kind: RouteKind
  /** How the path was opened; undefined on the relay. */
  readonly technique: string | undefined
  /** A copy of everything goes that way, because the route in use is in doubt. */
  readonly duplicate: Route | undefined
  /** When the route was chosen, on the clock of `now`. */
  readonly since: number
  /** Why this route: on the relay, why not a direct one. */
  readonly reason: string
  /** The last round has shown that another one would not help; none is under way. */
  readonly isHopeless: boolean
  /** Smoothed; undefined until it was measured. */
  readonly rttMs: number | undefined
  /** 0..1: by QUIC where it was told in the last 10 s, else of probes; undefined before either. */
  readonly loss: number | undefined
  readonly switches: number
  /** From the policy's beginning to the first direct path in use. */
  readonly timeToDirectMs: number | undefined
}
