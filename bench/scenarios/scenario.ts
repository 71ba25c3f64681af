// A scenario answers one question about one open tunnel. It gets a fresh tunnel and a fresh load
// each time.

import type { Loader } from '../load/loader.ts'
import type { Peer, Tunnel } from '../peers/peer.ts'
import type { Metric, Place, Plot } from '../report/types.ts'
import type { Site } from '../site.ts'

/**
 * Values by metric id; what a peer does not have (the direct connection has no programs) is left
 * out. `plots` are for the page: raw samples and time lines.
 */
export interface Outcome {
  readonly values: Readonly<Record<string, number>>
  readonly plots?: readonly Plot[]
}

export interface Rig {
  readonly site: Site
  readonly load: Loader
  readonly tunnel: Tunnel
  /** How long one figure is measured, in milliseconds, and the warm-up before it. */
  readonly measureMs: number
  readonly warmUpMs: number
}

export interface Scenario {
  /** The word for --scenarios; a prefix chooses several. */
  readonly name: string
  /** One line for --list: the question. */
  readonly title: string
  readonly metrics: readonly Metric[]
  /** Runs for each of the rounds that were asked for: more where a figure jumps by itself. */
  readonly runsPerRound: number
  /** Where the question has an answer. */
  readonly places: readonly Place['kind'][]
  /**
   * The places where it runs without being named. The rest is for developers, or takes its time:
   * all that runs by itself in a lab fits into two minutes for three peers.
   */
  readonly defaultPlaces: readonly Place['kind'][]
  /** False for peers of which it asks nothing. */
  includes(peer: Peer): boolean
  run(rig: Rig): Promise<Outcome>
}
