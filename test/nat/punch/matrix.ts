// What becomes of many punchings of one pair of NAT classes: the figures of nat-traversal.md §6.
// `node dist/test/nat/punch/matrix.js [runs] [loss] [classes]` prints them, for all pairs or for
// those of some classes: `1000 0.02 C3,S3`.

import { pathToFileURL } from 'node:url'
import { startPair, timeToDirect, type PairOptions, type SideClass } from '../../sim/punch-pair.ts'

export interface Cell {
  readonly runs: number
  readonly opened: number
  /** Until both sides have a path, in milliseconds from the visitor's offer; sorted. */
  readonly times: readonly number[]
  /** The side that sent more, of each run; sorted. */
  readonly sent: readonly number[]
  readonly techniques: ReadonlySet<string>
  readonly reasons: ReadonlySet<string>
  /** Of those that failed, to be run again. */
  readonly failedSeeds: readonly number[]
}

export interface CellOptions extends PairOptions {
  readonly runs: number
  readonly withinMs: number
}

export function runCell(visitor: SideClass, owner: SideClass, options: CellOptions): Cell {
  const { runs, withinMs, seed: first = 1 } = options
  const times: number[] = []
  const sent: number[] = []
  const techniques = new Set<string>()
  const reasons = new Set<string>()
  const failedSeeds: number[] = []
  for (let seed = first; seed < first + runs; seed++) {
    const pair = startPair(visitor, owner, { ...options, seed })
    const time = timeToDirect(pair, withinMs)
    // What still is to be sent counts, too.
    if (time !== undefined) pair.simulation.run(1000)
    if (time === undefined) failedSeeds.push(seed)
    else times.push(time)
    sent.push(Math.max(pair.visitor.sent, pair.owner.sent))
    for (const side of [pair.visitor, pair.owner]) {
      const technique = side.paths[0]?.technique
      if (technique) techniques.add(technique)
      if (side.reason) reasons.add(side.reason)
    }
  }
  const ascending = (a: number, b: number): number => a - b
  times.sort(ascending)
  sent.sort(ascending)
  return { runs, opened: times.length, times, sent, techniques, reasons, failedSeeds }
}

/** `share` of 0.5 is the median. Infinity of nothing. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Infinity
}

const CLASSES: readonly SideClass[] = ['P', 'C1', 'C2', 'C3', 'N', 'S1', 'S2', 'S3']

function printMatrix(runs: number, loss: number, classes: readonly SideClass[]): void {
  console.log(`${runs} runs a pair, ${100 * loss} % loss on each access line, each way`)
  console.log('pair     opened     p50    p99 ms   datagrams p50   max   technique or reason')
  for (const visitor of classes) {
    for (const owner of classes) {
      const cell = runCell(visitor, owner, { runs, loss, withinMs: 12_000 })
      const { opened, times, sent, techniques, reasons } = cell
      const figures = [quantile(times, 0.5), quantile(times, 0.99), quantile(sent, 0.5)]
      const columns = [
        `${visitor} x ${owner}`.padEnd(8),
        `${opened}/${runs}`.padStart(9),
        ...figures.map(figure => (figure === Infinity ? '-' : figure.toFixed(0)).padStart(7)),
        String(sent.at(-1)).padStart(7),
        [...(opened > 0 ? techniques : reasons)].join(', '),
      ]
      console.log(columns.join('  '))
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , runs = '20', loss = '0', wanted = CLASSES.join()] = process.argv
  const classes = CLASSES.filter(name => wanted.split(',').includes(name))
  printMatrix(Number(runs), Number(loss), classes)
}
