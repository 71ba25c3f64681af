import t from 'tap'
import { logScale, rangeScale, shareScale, timeScale, zeroScale } from '../../bench/report/scale.ts'
import type { Scale } from '../../bench/report/scale.ts'

function labels({ ticks }: Scale): string[] {
  return ticks.map(({ label }) => label)
}

function isClose(actual: number, wanted: number): boolean {
  return Math.abs(actual - wanted) < 1e-9
}

t.test('an axis of a bar or a rate begins at zero and ends at a round number', async t => {
  const scale = zeroScale(47.8, 3)
  t.strictSame(labels(scale), ['0', '20', '40', '60'])
  t.ok(isClose(scale.at(30), 0.5))
  t.strictSame(labels(zeroScale(0)), ['0', '0.25', '0.5', '0.75', '1'])
})

t.test('values past an end stand at the end', async t => {
  const scale = zeroScale(10)
  t.equal(scale.at(-5), 0)
  t.equal(scale.at(1e9), 1)
})

t.test('a range has round numbers around it', async t => {
  t.strictSame(labels(rangeScale(101, 187)), ['100', '120', '140', '160', '180', '200'])
  t.strictSame(labels(rangeScale(5, 5)).length > 1, true, 'also where all values are one')
})

t.test('a time axis ends with its data', async t => {
  const scale = timeScale(5.3)
  t.strictSame(labels(scale), ['0', '2', '4'])
  t.equal(scale.at(5.3), 1)
})

t.test('a logarithmic axis gives each factor the same room', async t => {
  const scale = logScale(1.2, 90)
  t.strictSame(labels(scale), ['1', '2', '5', '10', '20', '50', '100'])
  t.ok(isClose(scale.at(10), 0.5))
  t.strictSame(labels(logScale(0.02, 40_000)), ['0.1', '1', '10', '100', '1000', '10000'])
})

t.test('an axis of shares gives each nine the same room, as far as the samples reach', async t => {
  const scale = shareScale(1000)
  t.strictSame(labels(scale), ['0 %', '50 %', '90 %', '99 %', '99.9 %'])
  t.ok(isClose(scale.at(0.99) - scale.at(0.9), scale.at(0.9) - scale.at(0)))
  t.strictSame(labels(shareScale(10)), ['0 %', '50 %', '90 %', '99 %'])
})
