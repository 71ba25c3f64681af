// What one bench has measured, as plain data: made by run.ts, printed and written by the files of
// this folder, and the text of `--json`. A reader needs nothing else to draw it.

import type { Goal } from '../goals.ts'
import type { LinkPair } from '../links.ts'

export type Unit =
  | 'Mbit/s'
  | 'kbit/s'
  | 'us'
  | 'ms'
  | '1/s'
  | 'kB'
  | 'MB'
  | 's/GB'
  | 'B/s'
  | '%'
  /** Round trips of the direct path. */
  | 'rtt'
  /** A plain number. */
  | ''

export interface Metric {
  /** Unique in a report: the key of `values`. `bulk-down`, or `bulk-down@loss-1` in a suite. */
  readonly id: string
  readonly title: string
  readonly unit: Unit
  readonly better: 'higher' | 'lower'
  /** The scenario that measures it; figures of one scenario belong together. */
  readonly scenario: string
}

/** Raw samples: the distribution is drawn from them, `values` has its percentiles. */
export interface LatencyPlot {
  readonly kind: 'latency'
  /** `keystroke-loaded`: samples of one plot share it among peers and rounds. */
  readonly id: string
  readonly title: string
  /** In the order they were sent. A sample that never came back is Infinity (null in JSON). */
  readonly samplesMs: readonly number[]
}

/** A figure over time, in steps of one length. */
export interface TimelinePlot {
  readonly kind: 'timeline'
  readonly id: string
  readonly title: string
  readonly unit: Unit
  readonly stepMs: number
  /** The mean over each step; the first step begins when the scenario began. */
  readonly points: readonly number[]
  /** Since that beginning: things that happened, such as an address change. */
  readonly marks?: readonly { readonly atMs: number; readonly text: string }[]
}

export type Plot = LatencyPlot | TimelinePlot

/** A plot of one run. */
export type Series = Plot & {
  readonly peer: string
  /** From 1. */
  readonly round: number
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  /** `Linux 6.12.3`. */
  readonly kernel: string
  readonly node: string
  /** As /etc/os-release has it, or the platform's name. */
  readonly os: string
  /** Load averages at the start: noise that the reader should know of. */
  readonly load: readonly number[]
}

export type Place =
  | { readonly kind: 'loopback' }
  | {
      readonly kind: 'lab'
      /** The preset it began with, `4g`; undefined for a link of the user's own. */
      readonly name?: string
      /** In words: `4g: 25 ms and 50 Mbit/s down, ...`. */
      readonly text: string
      readonly link: LinkPair
    }
  | { readonly kind: 'server'; readonly address: string }

/** A goal beside what was measured. */
export interface GoalResult {
  readonly goal: Goal
  readonly value: number
  /** Of the runs (for a ratio: of runs that stood next to each other). */
  readonly spread: { readonly min: number; readonly max: number; readonly count: number }
  /** `shown`: a ratio without a bound. */
  readonly verdict: 'met' | 'missed' | 'shown'
}

export interface Failure {
  readonly scenario: string
  readonly peer: string
  readonly message: string
}

/** What a reader must know of the conditions: one line each, for the header. */
export type Note = string

/** Figures that have two dimensions of their own. */
export interface Table {
  readonly title: string
  /** The first one is that of the row's name. */
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface BenchReport {
  readonly version: 1
  /** ISO 8601, of the start. */
  readonly date: string
  /** To run it again, as it was typed. */
  readonly command: string
  readonly machine: Machine
  /** Peers in the order of the table, each with what it is: `frp 0.70.1, quic, its defaults`. */
  readonly versions: Readonly<Record<string, string>>
  /** The peer that the others are set against, `ours-quic`. */
  readonly reference: string
  readonly place: Place
  /** Rounds that were completed, and how long one figure was measured. */
  readonly rounds: number
  readonly measureMs: number
  readonly elapsedMs: number
  readonly isInterrupted: boolean
  readonly notes: readonly Note[]
  /** In the order of the table; of some there may be no value. */
  readonly metrics: readonly Metric[]
  /** Values of all runs: by metric, then by peer, in the order of the rounds. */
  readonly values: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
  readonly series: readonly Series[]
  readonly tables?: readonly Table[]
  readonly goals: readonly GoalResult[]
  readonly failures: readonly Failure[]
}
