import t from 'tap'
import { median, percentile, summarize } from '../../bench/stats.ts'

t.test('the median of an odd number of values is the one in the middle', async t => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([7]), 7)
})

t.test('the median of an even number of values is the mean of the two in the middle', async t => {
  t.equal(median([4, 1, 3, 2]), 2.5)
})

t.test('values are ordered as numbers, not as text', async t => {
  t.equal(median([100, 9, 20]), 20)
})

t.test('a percentile is a value that was measured, by nearest rank', async t => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.equal(percentile(values, 99), 99)
  t.equal(percentile(values, 100), 100)
  t.equal(percentile(values, 50), 50)
  t.equal(percentile(values, 0), 1)
  t.equal(percentile([3, 8], 99), 8)
})

t.test('a percentile outside 0..100 is refused', async t => {
  t.throws(() => percentile([1], 101), RangeError)
  t.throws(() => percentile([1], NaN), RangeError)
})

t.test('a summary has the median, both ends and the count', async t => {
  t.strictSame(summarize([5, 2, 11]), { median: 5, min: 2, max: 11, count: 3 })
})

t.test('no values and values that are no numbers are refused', async t => {
  t.throws(() => median([]), RangeError)
  t.throws(() => summarize([1, NaN]), RangeError)
})

t.test('the input keeps its order', async t => {
  const values = [3, 1, 2]
  median(values)
  t.strictSame(values, [3, 1, 2])
})
