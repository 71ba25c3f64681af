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

/** A figure of one peer. */
export interface BoundGoal {
  readonly type: 'bound'
  readonly metric: string
  readonly peer: string
  readonly atLeast?: number
  readonly atMost?: number
}

export type Goal = RatioGoal | BoundGoal

const QUIC = { peer: 'ours-quic', against: 'frp-quic' } as const
const QUIC_1452 = { peer: 'ours-quic-1452', against: 'frp-quic' } as const
const TCP = { peer: 'ours-tcp', against: 'frp-tcp' } as const

/** Loopback, against real frp. */
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
  { type: 'ratio', metric: 'connect-16', ...TCP },
]

/** Loopback, of ours alone. */
export const OWN_GOALS: readonly Goal[] = ['ours-quic', 'ours-tcp'].flatMap(peer => [
  { type: 'bound', metric: 'idle-frps', peer, atMost: 30 } as const,
  { type: 'bound', metric: 'idle-frpc', peer, atMost: 30 } as const,
  { type: 'bound', metric: 'stalled-frps', peer, atMost: 48 } as const,
  { type: 'bound', metric: 'stalled-frpc', peer, atMost: 48 } as const,
])

/** Loopback, where there is no real frp. */
export const OWN_RATIOS: readonly Goal[] = ['ours-tcp', 'direct'].flatMap(against =>
  ['bulk-down', 'bulk-up', 'bulk-down-cpu', 'bulk-up-cpu', 'echo-median', 'connect-1', 'connect-16']
    .filter(metric => against !== 'direct' || !metric.endsWith('-cpu'))
    .map(metric => ({ type: 'ratio', metric, peer: 'ours-quic', against }) as const),
)

const bothDirections = (label: string, peer: string, atLeast: number): BoundGoal[] =>
  ['bulk-down', 'bulk-up'].map(metric => ({
    type: 'bound',
    metric: `${metric}@${label}`,
    peer,
    atLeast,
  }))

const onTunnel = (metric: string, bounds: { atLeast?: number; atMost?: number }): BoundGoal => ({
  type: 'bound',
  metric,
  peer: 'ours-quic',
  ...bounds,
})

const DIRECTIONS = ['down', 'up'] as const

/**
 * The lab's link of 50 Mbit/s, 50 ms there and back and a queue of 250 kB, 100 ms end to end; the
 * label says how many per cent are lost each way (suites.ts).
 */
export const LINK_GOALS: readonly Goal[] = [
  ...bothDirections('loss-0', 'ours-quic', 45),
  ...bothDirections('loss-0', 'ours-tcp', 45),
  ...bothDirections('loss-1', 'ours-quic', 40),
  ...bothDirections('loss-2', 'ours-quic', 38),
  ...DIRECTIONS.flatMap(direction => [
    onTunnel(`beside-${direction}-share@loss-0`, { atLeast: 25, atMost: 75 }),
    onTunnel(`keystroke-${direction}-p50@loss-0`, { atMost: 112 }),
    onTunnel(`keystroke-${direction}-p99@loss-0`, { atMost: 130 }),
    onTunnel(`keystroke-${direction}-p50@loss-1`, { atMost: 112 }),
    onTunnel(`keystroke-${direction}-p99@loss-1`, { atMost: 170 }),
    onTunnel(`keystroke-${direction}-bulk@loss-1`, { atLeast: 38 }),
  ]),
  onTunnel('keystroke-p99@loss-2', { atMost: 160 }),
  onTunnel('connect-first-byte-rtt@loss-0', { atMost: 1.1 }),
  { type: 'bound', metric: 'connect-first-byte-rtt@loss-0', peer: 'ours-tcp', atMost: 1.1 },
  ...['rebind-down', 'rebind-up', 'rebind-idle'].flatMap(name => [
    onTunnel(`${name}-gap@loss-0`, { atMost: 1000 }),
    onTunnel(`${name}-broken@loss-0`, { atMost: 0 }),
  ]),
]

/** The game of 60 a second without redundancy: what the link loses is lost. */
const GAME_ONCE = { type: 'bound', peer: 'ours-quic-once' } as const
const SIZES = [1400, 8000, 65_507]

/** Udp proxies, on the link of LINK_GOALS and on loopback. */
export const GAME_GOALS: readonly Goal[] = [
  { ...GAME_ONCE, metric: 'game-60-p99@loss-2', atMost: 105 },
  { ...GAME_ONCE, metric: 'game-60-loss@loss-2', atMost: 4.5 },
  onTunnel('game-60-p99@loss-2', { atMost: 125 }),
  onTunnel('game-60-loss@loss-2', { atMost: 0.2 }),
  {
    type: 'ratio',
    metric: 'game-60-link@loss-2',
    peer: 'ours-quic',
    against: 'ours-quic-once',
    atMost: 2.2,
  },
  ...DIRECTIONS.flatMap(direction => [
    onTunnel(`game-60-${direction}-p50@loss-0`, { atMost: 108 }),
    onTunnel(`game-60-${direction}-p99@loss-0`, { atMost: 115 }),
    onTunnel(`game-60-${direction}-p50@loss-2`, { atMost: 108 }),
    onTunnel(`game-60-${direction}-p99@loss-2`, { atMost: 125 }),
  ]),
  { type: 'ratio', metric: 'volley-rate', ...QUIC, atLeast: 1.5 },
  { type: 'ratio', metric: 'volley-rate', ...TCP },
  { type: 'ratio', metric: 'volley-rate', peer: 'ours-quic', against: 'rathole' },
  { type: 'ratio', metric: 'volley-cpu', ...QUIC },
  { type: 'ratio', metric: 'volley-cpu', ...TCP },
  onTunnel('crowd-lost', { atMost: 0 }),
  onTunnel('crowd-frps', { atMost: 4 }),
  onTunnel('crowd-frpc', { atMost: 4 }),
  ...['ours-quic', 'ours-tcp'].flatMap(peer =>
    SIZES.flatMap(bytes => [
      { type: 'bound', metric: `sizes-${bytes}`, peer, atLeast: 100 } as const,
      { type: 'bound', metric: `sizes-${bytes}@loss-0`, peer, atLeast: 100 } as const,
    ]),
  ),
]
