import t from 'tap'
import { compare, mainRival } from '../../bench/report/comparison.ts'
import type { Comparison } from '../../bench/report/comparison.ts'
import type { Metric } from '../../bench/report/types.ts'
import { BULK_DOWN, sampleReport } from './report-sample.ts'

const PAIR = { peer: 'ours-quic', against: 'ours-tcp' } as const

function compared(
  own: readonly number[],
  other: readonly number[],
  metric: Metric = BULK_DOWN,
): Comparison | undefined {
  const report = sampleReport({ values: { [metric.id]: { 'ours-quic': own, 'ours-tcp': other } } })
  return compare(report, metric, PAIR)
}

t.test('more is better or worse as the metric says, and the factor is never under 1', async t => {
  t.match(compared([38, 39, 40], [3, 3.25, 3.3]), { outcome: 'better', factor: 12 })
  t.match(compared([3, 3.25, 3.3], [38, 39, 40]), { outcome: 'worse', factor: 12 })
  const less: Metric = { ...BULK_DOWN, better: 'lower' }
  t.match(compared([3, 3.25, 3.3], [38, 39, 40], less), { outcome: 'better', factor: 12 })
})

t.test('spreads that overlap are even, whatever the medians say', async t => {
  t.match(compared([10, 20, 30], [12, 13, 14]), { outcome: 'even' })
  t.match(compared([15, 20, 30], [12, 13, 14]), { outcome: 'better' })
})

t.test('medians within 5 % are even, however narrow their spreads', async t => {
  t.match(compared([104, 104, 104], [100, 100, 100]), { outcome: 'even' })
  t.match(compared([106, 106, 106], [100, 100, 100]), { outcome: 'better' })
})

t.test('single runs are even up to 25 %: they know no spread', async t => {
  t.match(compared([120], [100]), { outcome: 'even' })
  t.match(compared([140], [100]), { outcome: 'better' })
})

t.test('one outlier of five runs does not hide a difference', async t => {
  t.match(compared([20, 21, 22, 23, 5], [10, 10, 10, 11, 11]), { outcome: 'better' })
  t.match(compared([20, 21, 22, 5], [10, 10, 10, 11]), { outcome: 'even' })
})

t.test('shares in percent and medians of zero have no factor', async t => {
  const loss: Metric = { ...BULK_DOWN, unit: '%', better: 'lower' }
  t.match(compared([2, 2, 2], [1, 1, 1], loss), { outcome: 'worse', factor: undefined })
  t.match(compared([5, 5, 5], [0, 0, 0]), { outcome: 'better', factor: undefined })
  t.match(compared([0, 0, 0], [0, 0, 0]), { outcome: 'even', factor: undefined })
})

t.test('what was not measured is not compared', async t => {
  t.equal(compared([], [1]), undefined)
  t.equal(compared([1], []), undefined)
})

t.test('the rival is TCP mode, else another program, else no tunnel', async t => {
  const values = (...peers: string[]): ReturnType<typeof sampleReport> =>
    sampleReport({
      versions: Object.fromEntries(['ours-quic', ...peers].map(peer => [peer, ''])),
      values: {
        'bulk-down': Object.fromEntries(['ours-quic', ...peers].map(peer => [peer, [1]])),
      },
    })
  t.equal(mainRival(values('direct', 'frp-quic', 'ours-tcp')), 'ours-tcp')
  t.equal(mainRival(values('direct', 'frp-quic')), 'frp-quic')
  t.equal(mainRival(values('direct')), 'direct')
  t.equal(mainRival(values()), undefined)
})
