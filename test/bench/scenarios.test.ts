import t from 'tap'
import { ratePlot } from '../../bench/scenarios/bulk.ts'
import { SCENARIOS } from '../../bench/scenarios/index.ts'
import { DRAIN_MS, percentiles } from '../../bench/scenarios/window.ts'

t.test('a figure has one name and one scenario', async t => {
  const ids = SCENARIOS.flatMap(({ metrics }) => metrics.map(({ id }) => id))
  t.equal(new Set(ids).size, ids.length)
  const names = SCENARIOS.map(({ name }) => name)
  t.equal(new Set(names).size, names.length)
  for (const { name, metrics } of SCENARIOS) {
    t.ok(metrics.every(({ scenario }) => scenario === name), name)
  }
})

t.test('what runs by itself somewhere has an answer there', async t => {
  for (const { name, places, defaultPlaces } of SCENARIOS) {
    t.strictSame(defaultPlaces.filter(place => !places.includes(place)), [], name)
  }
})

t.test('an answer that never came is as late as it was waited for', async t => {
  const samplesMs = Float64Array.of(10, Infinity, 20, 30)
  t.strictSame(percentiles({ samplesMs }, { p50: 50, p99: 99 }), { p50: 20, p99: DRAIN_MS })
})

t.test('a time line begins with the call, and its marks are on the same clock', async t => {
  const progress = { at: Float64Array.of(1100, 1200, 1300), bytes: Float64Array.of(0, 12_500, 25_000) }
  const result = {
    bytes: 0,
    elapsedMs: 0,
    cpuSeconds: 0,
    loadCpuSeconds: 0,
    startedAt: 1000,
    progress,
  }
  const marks = [{ at: 1150, text: 'rebinding' }]
  t.match(ratePlot({ id: 'x', title: 'X', result, marks }), {
    stepMs: 100,
    points: [0, 1, 1],
    marks: [{ atMs: 150, text: 'rebinding' }],
  })
})
