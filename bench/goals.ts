// The figures that quicfrp promises, as a table: ratios against real frp in the same session, and
// bounds of its own. Without real frp the ratios have no goal; ours in quic is then set against
// ours in tcp and against no tunnel.

export interface RatioGoal {
  readonly type: 'ratio'
  readonly metric: string
  readonly peer: string
  readonly against: string
  /**
   * `peer` divided by `against` has to be at least or at most this; without either it is only
   * shown.
   */
  readonly atLeast?: number
  readonly atMost?: number
}

export interface BoundGoal {
  readonly type: 'bound'
  readonly metric: string
  readonly peer: string
  readonly atMost: number
}

export type Goal = RatioGoal | BoundGoal

const QUIC = { peer: 'ours-quic', against: 'frp-quic' } as const
const QUIC_1452 = { peer: 'ours-quic-1452', against: 'frp-quic' } as const
const TCP = { peer: 'ours-tcp', against: 'frp-tcp' } as const

/** Against real frp. */
export const FRP_GOALS: readonly Goal[] = [
  { type: 'ratio', metric: 'bulk-down', ...QUIC, atLeast: 1.5 },
  { type: 'ratio', metric: 'bulk-up', ...QUIC, atLeast: 1.5 },
  { type: 'ratio', metric: 'bulk-down', ...QUIC_1452, atLeast: 1 },
  { type: 'ratio', metric: 'bulk-up', ...QUIC_1452, atLeast: 1 },
  { type: 'ratio', metric: 'bulk-down', ...TCP, atLeast: 1.2 },
  { type: 'ratio', metric: 'bulk-up', ...TCP, atLeast: 1.2 },
  { type: 'ratio', metric: 'bulk-down-cpu', ...QUIC },
  { type: 'ratio', metric: 'bulk-up-cpu', ...QUIC },
  { type: 'ratio', metric: 'bulk-down-cpu', ...TCP },
  { type: 'ratio', metric: 'bulk-up-cpu', ...TCP },
  { type: 'ratio', metric: 'echo-median', ...QUIC, atMost: 1.5 },
  { type: 'ratio', metric: 'echo-p99', ...QUIC },
  { type: 'ratio', metric: 'echo-median', ...TCP },
  { type: 'ratio', metric: 'connect-1', ...QUIC, atLeast: 1.2 },
  { type: 'ratio', metric: 'connect-16', ...QUIC, atLeast: 1.2 },
  { type: 'ratio', metric: 'connect-1', ...TCP },
  { type: 'ratio', metric: 'connect-16', ...TCP }
]

/** Of ours alone. */
export const OWN_GOALS: readonly Goal[] = ['ours-quic', 'ours-tcp'].flatMap(peer => [
  { type: 'bound', metric: 'idle-frps', peer, atMost: 30 } as const,
  { type: 'bound', metric: 'idle-frpc', peer, atMost: 30 } as const,
  { type: 'bound', metric: 'stalled-frps', peer, atMost: 48 } as const,
  { type: 'bound', metric: 'stalled-frpc', peer, atMost: 48 } as const
])

/** Where there is no real frp. */
export const OWN_RATIOS: readonly Goal[] = ['ours-tcp', 'direct'].flatMap(against =>
  ['bulk-down', 'bulk-up', 'bulk-down-cpu', 'bulk-up-cpu', 'echo-median', 'connect-1', 'connect-16']
    .filter(metric => against !== 'direct' || !metric.endsWith('-cpu'))
    .map(metric => ({ type: 'ratio', metric, peer: 'ours-quic', against }) as const)
)
