// A part of the nat bench answers one row of its table for one peer.

import type { Goal } from '../goals.ts'
import type { Metric, Plot, Table } from '../report/types.ts'
import type { NatPeer, NatServer } from './peers.ts'
import type { Pair } from './places.ts'
import type { World } from './world.ts'

export interface NatWords {
  /** Attempts of each case. */
  readonly tries: number
  /** Short transfers, few repetitions: whether it works, not how well. */
  readonly isQuick: boolean
  /** Of the matrix. */
  readonly pairs: readonly Pair[]
}

export interface PartRig extends NatWords {
  readonly world: World
  /** Of the peer that is asked. */
  readonly server: NatServer
  readonly signal: AbortSignal
  /** Figures of one attempt; `round` counts from 1. */
  add(values: Readonly<Record<string, number>>, round: number, plots?: readonly Plot[]): void
  /** What went wrong in one attempt; the part goes on. */
  fail(what: string, error: unknown): void
  table(table: Table): void
  /** What is done now, for the progress line. */
  step(text: string, round: number, rounds: number): void
}

export interface Part {
  /** For --scenarios. */
  readonly name: string
  readonly title: string
  readonly metrics: readonly Metric[]
  /** For ours. */
  readonly goals: readonly Goal[]
  includes(peer: NatPeer): boolean
  run(rig: PartRig): Promise<void>
}

export type Figure = readonly [
  id: string,
  title: string,
  unit: Metric['unit'],
  better: Metric['better'],
]

/** The figures of one part. */
export function figures(scenario: string, list: readonly Figure[]): Metric[] {
  return list.map(([id, title, unit, better]) => ({ id, title, unit, better, scenario }))
}

export const OURS = 'ours-xtcp'

/** A goal for ours. */
export function bound(metric: string, limits: { atLeast?: number; atMost?: number }): Goal {
  return { type: 'bound', metric, peer: OURS, ...limits }
}

/** All but the variants of a peer, which differ in what a path carries only. */
export function isUsual({ name }: NatPeer): boolean {
  return name.split('-').length === 2
}

/** Runs `once` so many times; a try that throws is reported and does not end the part. */
export async function repeat(
  rig: PartRig,
  { count, what }: { readonly count: number; readonly what: string },
  once: (round: number) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= count; round++) {
    if (rig.signal.aborted) return
    rig.step(what, round, count)
    try {
      await once(round)
    } catch (error) {
      if (rig.signal.aborted) return
      rig.fail(what, error)
    }
  }
}

/** How many of all, in per cent, as one value: the median of single answers would hide the few. */
export function addShare(rig: PartRig, id: string, hits: readonly boolean[]): void {
  if (hits.length > 0) rig.add({ [id]: (100 * hits.filter(Boolean).length) / hits.length }, 1)
}

/** Of what ours survives and the others do not: they are looked at once. */
export function roundsOf({ server, tries }: PartRig): number {
  return server.peer.isOurs ? tries : 1
}
