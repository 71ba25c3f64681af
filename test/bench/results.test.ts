import t from 'tap'
import { Results } from '../../bench/results.ts'
import type { Goal } from '../../bench/goals.ts'

function measured(): Results {
  const results = new Results()
  for (const value of [300, 100, 200]) results.add('ours-quic', { rate: value, growth: value })
  for (const value of [100, 100, 50]) results.add('frp-quic', { rate: value })
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

t.test('what was not measured on both sides is not judged', async t => {
  const results = measured()
  t.equal(
    results.judge({ type: 'ratio', metric: 'growth', peer: 'ours-quic', against: 'frp-quic' }),
    undefined
  )
  t.equal(results.judge({ type: 'bound', metric: 'rate', peer: 'direct', atMost: 1 }), undefined)
})

t.test('as JSON every single value is there, by metric and peer', async t => {
  t.strictSame(JSON.parse(JSON.stringify(measured())), {
    rate: { 'ours-quic': [300, 100, 200], 'frp-quic': [100, 100, 50] },
    growth: { 'ours-quic': [300, 100, 200] }
  })
})
