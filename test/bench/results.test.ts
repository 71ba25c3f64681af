import t from 'tap'
import type { Goal } from '../../bench/goals.ts'
import { Results, type RunName } from '../../bench/results.ts'

function run(peer: string, label?: string): RunName {
  return { peer, round: 1, label, labelText: label }
}

function measured(): Results {
  const results = new Results()
  for (const value of [300, 100, 200]) {
    results.add(run('ours-quic'), { values: { rate: value, growth: value } })
  }
  for (const value of [100, 100, 50]) results.add(run('frp-quic'), { values: { rate: value } })
  return results
}

function ratio(bounds: { atLeast?: number; atMost?: number }): Goal {
  return { type: 'ratio', metric: 'rate', peer: 'ours-quic', against: 'frp-quic', ...bounds }
}

t.test('a ratio is of medians, its spread of runs that stood next to each other', async t => {
  const result = measured().judge(ratio({ atLeast: 1.5 }))
  t.equal(result?.value, 2)
  t.match(result?.spread, { min: 1, max: 4 })
})

t.test('a goal is met at its bound and missed past it', async t => {
  const results = measured()
  t.equal(results.judge(ratio({ atLeast: 2 }))?.verdict, 'met')
  t.equal(results.judge(ratio({ atLeast: 2.01 }))?.verdict, 'missed')
  t.equal(results.judge(ratio({ atMost: 2 }))?.verdict, 'met')
  t.equal(results.judge(ratio({ atMost: 1.99 }))?.verdict, 'missed')
})

t.test('a ratio without a bound is only shown', async t => {
  t.equal(measured().judge(ratio({}))?.verdict, 'shown')
})

t.test('a bound is held against the median of ours alone', async t => {
  const results = measured()
  const bound = { type: 'bound', metric: 'growth', peer: 'ours-quic' } as const
  t.match(results.judge({ ...bound, atMost: 200 }), { value: 200, verdict: 'met' })
  t.match(results.judge({ ...bound, atMost: 199 }), { value: 200, verdict: 'missed' })
})

t.test('a bound can have a lower end', async t => {
  const results = measured()
  const bound = { type: 'bound', metric: 'growth', peer: 'ours-quic', atMost: 300 } as const
  t.equal(results.judge({ ...bound, atLeast: 200 })?.verdict, 'met')
  t.equal(results.judge({ ...bound, atLeast: 201 })?.verdict, 'missed')
})

t.test('figures and plots of a labelled link stand apart', async t => {
  const results = new Results()
  const plot = { kind: 'latency', id: 'rate', title: 'a rate', samplesMs: [1] } as const
  results.add(run('a'), { values: { rate: 1 }, plots: [plot] })
  results.add(run('a', 'loss-1'), { values: { rate: 2 }, plots: [plot] })
  t.strictSame(results.toJSON(), { rate: { a: [1] }, 'rate@loss-1': { a: [2] } })
  t.strictSame(results.series, [
    { ...plot, peer: 'a', round: 1 },
    { ...plot, id: 'rate@loss-1', title: 'a rate, loss-1', peer: 'a', round: 1 },
  ])
})

t.test('what was not measured on both sides is not judged', async t => {
  const results = measured()
  t.equal(
    results.judge({ type: 'ratio', metric: 'growth', peer: 'ours-quic', against: 'frp-quic' }),
    undefined,
  )
  t.equal(results.judge({ type: 'bound', metric: 'rate', peer: 'direct', atMost: 1 }), undefined)
})

t.test('as JSON every single value is there, by metric and peer', async t => {
  t.strictSame(JSON.parse(JSON.stringify(measured())), {
    rate: { 'ours-quic': [300, 100, 200], 'frp-quic': [100, 100, 50] },
    growth: { 'ours-quic': [300, 100, 200] },
  })
})
