// A scenario answers one question about one open tunnel. It gets a fresh tunnel and a fresh load
// process each time.

import type { Loader } from '../load/loader.ts'
import type { Tunnel } from '../peers/peer.ts'

export type Unit = 'Mbit/s' | 'us' | 'ms' | '1/s' | 'kB' | 'MB' | 's/GB'

export interface Metric {
  /** Unique among all scenarios: the key in --json. */
  readonly id: string
  readonly title: string
  readonly unit: Unit
}

/**
 * Values by metric id; what a peer does not have (the direct connection has no programs) is left
 * out.
 */
export type Values = Readonly<Record<string, number>>

export interface Rig {
  readonly load: Loader
  readonly tunnel: Tunnel
  /** How long one figure is measured, in milliseconds, and the warm-up before it. */
  readonly measureMs: number
  readonly warmUpMs: number
}

export interface Scenario {
  /** The word for --only; a prefix chooses several. */
  readonly name: string
  readonly metrics: readonly Metric[]
  /**
   * Runs for each of the N rounds that were asked for: more where a figure jumps with the
   * scheduler.
   */
  readonly runsPerRound: number
  /** False for peers of which it asks nothing. */
  includes(peer: string): boolean
  run(rig: Rig): Promise<Values>
}
