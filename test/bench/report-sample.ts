// Reports for the tests of bench/report: a small one that each test changes, and a large one that
// looks like a real bench in the lab, made from a seed.

import { percentile } from '../../bench/stats.ts'
import type { BenchReport, Metric, Series } from '../../bench/report/types.ts'

/** One metric, two peers; `changes` replaces whole fields. */
export function sampleReport(changes: Partial<BenchReport> = {}): BenchReport {
  return {
    version: 1,
    date: '2026-11-22T10:00:00.000Z',
    command: 'frpc bench --emulate delay=25ms,loss=2%,rate=50m --html report.html',
    machine: {
      cpu: 'Example CPU @ 2.50GHz',
      cores: 2,
      memoryBytes: 8 * 2 ** 30,
      kernel: 'Linux 6.12.3',
      node: 'v20.19.0',
      os: 'Debian GNU/Linux 12 (bookworm)',
      load: [0.4, 0.5, 0.6],
    },
    versions: { 'ours-quic': 'quicfrp 0.1.0, quic', 'ours-tcp': 'quicfrp 0.1.0, tcp' },
    reference: 'ours-quic',
    place: LOSSY_LAB,
    rounds: 3,
    measureMs: 5000,
    elapsedMs: 94_000,
    isInterrupted: false,
    notes: [],
    metrics: [BULK_DOWN],
    values: { 'bulk-down': { 'ours-quic': [38, 39, 40], 'ours-tcp': [3.1, 3.2, 3.3] } },
    series: [],
    goals: [],
    failures: [],
    ...changes,
  }
}

export const LOSSY_LAB: BenchReport['place'] = {
  kind: 'lab',
  text: '25 ms each way, 2 % loss each way, 50 Mbit/s, queue 250 kB',
  link: {
    up: { delayMs: 25, loss: 0.02, rateBitsPerSecond: 5e7, queueBytes: 250_000 },
    down: { delayMs: 25, loss: 0.02, rateBitsPerSecond: 5e7, queueBytes: 250_000 },
    userRoundTripMs: 50,
  },
}

export const BULK_DOWN: Metric = {
  id: 'bulk-down',
  title: 'one stream down',
  unit: 'Mbit/s',
  better: 'higher',
  scenario: 'bulk-down',
}

const lower = (id: string, title: string, unit: Metric['unit'], scenario: string): Metric => {
  return { id, title, unit, better: 'lower', scenario }
}

const FULL_METRICS: readonly Metric[] = [
  BULK_DOWN,
  { ...BULK_DOWN, id: 'bulk-up', title: 'one stream up', scenario: 'bulk-up' },
  lower('bulk-down-cpu', 'one stream down, CPU of frps + frpc', 's/GB', 'bulk-down'),
  lower('keystroke-p50', 'keystroke alone, median', 'ms', 'keystroke'),
  lower('keystroke-p99', 'keystroke alone, 99th percentile', 'ms', 'keystroke'),
  lower('keystroke-loaded-p99', 'keystroke beside bulk, p99', 'ms', 'keystroke-loaded'),
  lower('connect-first-byte', 'new connection to first byte', 'rtt', 'connect'),
  lower('game-60-loss', 'game, 60/s of 100 bytes, lost', '%', 'game'),
  lower('rebind-silence', 'address change, longest silence', 'ms', 'rebind'),
  lower('idle-frps', 'idle connection, frps grows by', 'kB', 'idle'),
]

/** Middle of the runs: by metric, for ours-quic, ours-tcp, frp-quic, frp-tcp, direct. */
const FULL_MIDDLES: Readonly<Record<string, readonly (number | undefined)[]>> = {
  'bulk-down': [38.4, 3.1, 2.4, 1.9, 47.8],
  'bulk-up': [37.6, 3.3, 2.6, 1.8, 47.6],
  'bulk-down-cpu': [2.4, 1.1, 4.1, 1.3, undefined],
  'connect-first-byte': [1.04, 1.52, 1.9, 2.05, 1],
  'game-60-loss': [1.9, 0, 0, 0, 1.9],
  'rebind-silence': [410, undefined, undefined, undefined, undefined],
  'idle-frps': [11.2, 13.9, 38, 41, undefined],
}

/** By peer: the share of keystrokes that wait when a bulk transfer runs. */
const LOADED_SLOW = [0.1, 0.9, 0.2, 0.95]

/** As a bench in the lab gives it: five peers, three rounds, both kinds of plots. */
export function fullReport(seed = 7): BenchReport {
  const random = randomFrom(seed)
  const peers = ['ours-quic', 'ours-tcp', 'frp-quic', 'frp-tcp', 'direct']
  const values: Record<string, Record<string, number[]>> = {}
  for (const { id } of FULL_METRICS) {
    const byPeer: Record<string, number[]> = {}
    peers.forEach((peer, index) => {
      const middle = FULL_MIDDLES[id]?.[index]
      if (middle !== undefined) byPeer[peer] = rounds(() => middle * (0.96 + 0.08 * random()))
    })
    values[id] = byPeer
  }
  const series: Series[] = peers.flatMap((peer, index) =>
    rounds(round => [
      timeline(peer, round, { mbits: FULL_MIDDLES['bulk-down']?.[index] ?? 0, random }),
      ...(peer === 'direct'
        ? []
        : [
            latency('keystroke', 'keystroke alone', {
              peer,
              round,
              random,
              slow: 0.03 + index / 40,
            }),
            latency('keystroke-loaded', 'keystroke beside a bulk transfer', {
              peer,
              round,
              random,
              slow: LOADED_SLOW[index] ?? 0,
            }),
          ]),
    ]).flat(),
  )
  for (const plot of series) {
    if (plot.kind !== 'latency') continue
    for (const percent of [50, 99]) {
      const byPeer = (values[`${plot.id}-p${percent}`] ??= {})
      ;(byPeer[plot.peer] ??= []).push(percentile(plot.samplesMs, percent))
    }
  }
  return sampleReport({
    versions: {
      'ours-quic': 'quicfrp 0.1.0, quic, its defaults',
      'ours-tcp': 'quicfrp 0.1.0, tcp, its defaults',
      'frp-quic': 'frp 0.70.1, quic, its defaults',
      'frp-tcp': 'frp 0.70.1, tcp, its defaults',
      direct: 'no tunnel',
    },
    metrics: FULL_METRICS,
    values,
    series,
    goals: [
      {
        goal: { type: 'bound', metric: 'keystroke-p99', peer: 'ours-quic', atMost: 160 },
        value: 153,
        spread: { min: 149, max: 157, count: 3 },
        verdict: 'met',
      },
      {
        goal: { type: 'bound', metric: 'keystroke-loaded-p99', peer: 'ours-quic', atMost: 130 },
        value: 166,
        spread: { min: 161, max: 171, count: 3 },
        verdict: 'missed',
      },
      {
        goal: { type: 'ratio', metric: 'bulk-down', peer: 'ours-quic', against: 'frp-quic' },
        value: 16,
        spread: { min: 15.2, max: 16.4, count: 3 },
        verdict: 'shown',
      },
    ],
  })
}

function rounds<T>(make: (round: number) => T): T[] {
  return [1, 2, 3].map(make)
}

function timeline(
  peer: string,
  round: number,
  { mbits, random }: { mbits: number; random: () => number },
): Series {
  const points = Array.from({ length: 60 }, (_, step) => {
    const ramp = Math.min(1, (step + 1) / (mbits > 20 ? 8 : 2))
    return mbits * ramp * (0.82 + 0.36 * random())
  })
  return {
    kind: 'timeline',
    id: 'bulk-down',
    title: 'one stream down',
    unit: 'Mbit/s',
    stepMs: 100,
    points,
    peer,
    round,
  }
}

interface LatencyOptions {
  readonly peer: string
  readonly round: number
  readonly random: () => number
  /** Share of samples that wait for a retransmission or a queue. */
  readonly slow: number
}

function latency(id: string, title: string, { peer, round, random, slow }: LatencyOptions): Series {
  const samplesMs = Array.from({ length: 200 }, () => {
    const base = 100.5 + 2 * random() ** 3
    return random() < slow ? base - 50 * Math.log(1 - random()) * (1 + 3 * slow) : base
  })
  return { kind: 'latency', id, title, samplesMs, peer, round }
}

/** A linear congruential generator: enough for noise that looks like noise. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
