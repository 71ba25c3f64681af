import t from 'tap'
import type { Progress } from '../../bench/load/messages.ts'
import {
  bytesAt,
  encodeReport,
  longestSilence,
  ProgressLog,
  rateBetween,
  rateSteps,
  REPORT_BYTES,
  ReportReader,
} from '../../bench/load/progress.ts'

function progress(...rows: readonly [at: number, bytes: number][]): Progress {
  const log = new ProgressLog()
  for (const [at, bytes] of rows) log.add(at, bytes)
  return log.taken()
}

t.test('bytes between two rows are shared out evenly, and none are invented', async t => {
  const table = progress([100, 0], [200, 1000], [400, 1000], [500, 3000])
  t.equal(bytesAt(table, 50), 0)
  t.equal(bytesAt(table, 100), 0)
  t.equal(bytesAt(table, 150), 500)
  t.equal(bytesAt(table, 300), 1000)
  t.equal(bytesAt(table, 450), 2000)
  t.equal(bytesAt(table, 9999), 3000)
  t.equal(bytesAt(progress(), 1), 0)
})

t.test('a rate is in Mbit/s, and steps end before the end', async t => {
  const table = progress([0, 0], [100, 125_000], [200, 375_000])
  t.equal(rateBetween(table, 0, 200), 15)
  t.strictSame(rateSteps(table, { from: 0, to: 250, stepMs: 100 }), [10, 20])
  t.strictSame(rateSteps(table, { from: 300, to: 250, stepMs: 100 }), [])
})

t.test('a silence ends with the next byte, not with the next report', async t => {
  const table = progress([0, 1], [20, 2], [40, 2], [60, 2], [80, 3], [100, 4])
  t.equal(longestSilence(table, 20, 100), 60)
  t.equal(longestSilence(table, 0, 100), 60)
  t.equal(longestSilence(table, 85, 100), 15)
})

t.test('a silence that does not end lasts until the end of the watch', async t => {
  t.equal(longestSilence(progress([0, 1], [20, 2], [40, 2], [900, 2]), 10, 1000), 980)
  t.equal(longestSilence(progress(), 0, 1000), 1000)
  t.equal(longestSilence(progress([0, 1], [20, 2], [5000, 3]), 30, 1000), 970)
})

t.test('reports are found however the stream is cut', async t => {
  const bytes = Buffer.concat([encodeReport(1.5, 10), encodeReport(2.5, 2 ** 40)])
  t.equal(bytes.length, 2 * REPORT_BYTES)
  for (let cut = 1; cut <= bytes.length; cut++) {
    const seen: number[][] = []
    const reader = new ReportReader((elapsedMs, count) => seen.push([elapsedMs, count]))
    for (let at = 0; at < bytes.length; at += cut) reader.push(bytes.subarray(at, at + cut))
    t.strictSame(seen, [[1.5, 10], [2.5, 2 ** 40]], `pieces of ${cut}`)
  }
})

t.test('a log keeps more rows than it had room for, and moves their times', async t => {
  const log = new ProgressLog()
  for (let row = 0; row < 5000; row++) log.add(row, row * 2)
  t.equal(log.lastAt, 4999)
  const { at, bytes } = log.taken(0.5)
  t.equal(at.length, 5000)
  t.equal(at[4999], 4999.5)
  t.equal(bytes[4999], 9998)
})
