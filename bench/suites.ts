// The figures that quicfrp promises, each with the place where it is measured: what
// `npm run bench -- SUITE...` runs.

import { FRP_GOALS, GAME_GOALS, LINK_GOALS, OWN_GOALS, OWN_RATIOS, type Goal } from './goals.ts'

export interface Suite {
  readonly name: string
  readonly title: string
  readonly cases: readonly SuiteCase[]
  /** `hasFrp`: a real frp is among the peers. */
  goals(hasFrp: boolean): readonly Goal[]
}

export interface SuiteCase {
  /** Of metrics, after an `@`; undefined: they keep their names. */
  readonly label: string | undefined
  readonly labelText: string | undefined
  /** As after --emulate; undefined: loopback. */
  readonly link: string | undefined
  /** Names; undefined: those that the place has by default. */
  readonly scenarios: readonly string[] | undefined
  readonly measureMs: number
  readonly warmUpMs: number
  /** Names of peers that other cases do not have. */
  readonly extraPeers?: readonly string[]
}

/** 100 ms end to end, half of them on the tunnel. */
const LINK = 'rtt=50ms,user-rtt=50ms,rate=50m,queue=250k'

/** "After 3 s": a stream has found its rate by then, or never does. */
const TRANSFER = { measureMs: 5000, warmUpMs: 3000 }
/** 20 keystrokes a second: a p99 wants some hundreds of them. */
const LOADED = { measureMs: 10_000, warmUpMs: 3000 }
const TYPING = { measureMs: 20_000, warmUpMs: 3000 }
/** The way of stcp and sudp, with a visitor beside the user. */
const SECRET_PEERS = ['ours-quic-secret', 'frp-quic-secret']
/** At 60 a second 4 % of loss are told from 4.5 %, and 0.1 % from 0.2 %. */
const PLAYING = {
  measureMs: 40_000,
  warmUpMs: 3000,
  extraPeers: ['ours-quic-once', ...SECRET_PEERS],
}
const PLAYING_BESIDE = { measureMs: 15_000, warmUpMs: 3000 }

const LOOPBACK = { label: undefined, labelText: undefined, link: undefined } as const

/** Scenarios on the link with so many per cent of loss each way. */
function linkCase(
  loss: number,
  scenarios: readonly string[],
  times: Pick<SuiteCase, 'measureMs' | 'warmUpMs' | 'extraPeers'>,
): SuiteCase {
  return {
    label: `loss-${loss}`,
    labelText: loss === 0 ? 'no loss' : `${loss} % loss each way`,
    link: loss === 0 ? LINK : `${LINK},loss=${loss}%`,
    scenarios,
    ...times,
  }
}

export const SUITES: readonly Suite[] = [
  {
    name: 'loopback',
    title: 'ratios to real frp with nothing in between: what the programs themselves cost',
    cases: [
      {
        ...LOOPBACK,
        scenarios: undefined,
        measureMs: 3000,
        warmUpMs: 1000,
        // On the links below all datagrams are of that size.
        extraPeers: ['ours-quic-1452'],
      },
    ],
    goals: hasFrp => [...(hasFrp ? FRP_GOALS : OWN_RATIOS), ...OWN_GOALS],
  },
  {
    name: 'link',
    title: `an emulated link (${LINK}) with 0, 1 and 2 % loss each way`,
    cases: [
      linkCase(0, ['bulk', 'beside', 'connect', 'rebind'], TRANSFER),
      linkCase(0, ['keystroke-'], LOADED),
      linkCase(1, ['bulk'], TRANSFER),
      linkCase(1, ['keystroke-'], LOADED),
      linkCase(2, ['bulk'], TRANSFER),
      linkCase(2, ['keystroke'], TYPING),
    ],
    goals: () => LINK_GOALS,
  },
  {
    name: 'games',
    title: 'udp proxies: on that link alone and beside a transfer, and with nothing in between',
    cases: [
      linkCase(2, ['game-60'], PLAYING),
      linkCase(0, ['game-60-', 'sizes'], PLAYING_BESIDE),
      linkCase(2, ['game-60-'], PLAYING_BESIDE),
      {
        ...LOOPBACK,
        scenarios: ['echo', 'volley', 'sizes'],
        measureMs: 3000,
        warmUpMs: 1000,
        extraPeers: SECRET_PEERS,
      },
      { ...LOOPBACK, scenarios: ['crowd'], measureMs: 10_000, warmUpMs: 1000 },
    ],
    goals: () => GAME_GOALS,
  },
]

/** Of the link suite in words, for the report's place. */
export const SUITE_LINK: string = LINK
