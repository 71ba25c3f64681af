// The figures that quicfrp promises, each with the place where it is measured: what
// `npm run bench -- SUITE...` runs.

import { FRP_GOALS, LINK_GOALS, OWN_GOALS, OWN_RATIOS, type Goal } from './goals.ts'

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
}

/** 100 ms end to end, half of them on the tunnel. */
const LINK = 'rtt=50ms,user-rtt=50ms,rate=50m,queue=250k'

/** "After 3 s": a stream has found its speed by then, or never does. */
const WINDOW = { measureMs: 5000, warmUpMs: 3000 }

export const SUITES: readonly Suite[] = [
  {
    name: 'loopback',
    title: 'ratios to real frp with nothing in between: what the programs themselves cost',
    cases: [
      {
        label: undefined,
        labelText: undefined,
        link: undefined,
        scenarios: undefined,
        measureMs: 3000,
        warmUpMs: 1000,
      },
    ],
    goals: hasFrp => [...(hasFrp ? FRP_GOALS : OWN_RATIOS), ...OWN_GOALS],
  },
  {
    name: 'link',
    title: `an emulated link (${LINK}) with 0, 1 and 2 % loss each way`,
    cases: [
      {
        label: 'loss-0',
        labelText: 'no loss',
        link: LINK,
        scenarios: ['bulk', 'beside', 'keystroke-', 'connect', 'rebind'],
        ...WINDOW,
      },
      {
        label: 'loss-1',
        labelText: '1 % loss each way',
        link: `${LINK},loss=1%`,
        scenarios: ['bulk', 'keystroke-'],
        ...WINDOW,
      },
      {
        label: 'loss-2',
        labelText: '2 % loss each way',
        link: `${LINK},loss=2%`,
        scenarios: ['bulk', 'keystroke'],
        ...WINDOW,
      },
    ],
    goals: () => LINK_GOALS,
  },
]

/** Of the link suite in words, for the report's place. */
export const SUITE_LINK: string = LINK
