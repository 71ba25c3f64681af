import t from 'tap'
import { Lateness } from '../../bench/lab/lateness.ts'

t.test('quantiles are the upper ends of steps of 5 us', async t => {
  const lateness = new Lateness()
  for (let packet = 0; packet < 98; packet++) lateness.add(0.012)
  lateness.add(0.2)
  lateness.add(0.31)
  t.equal(lateness.quantile(0.5).toFixed(3), '0.015')
  t.equal(lateness.quantile(0.99).toFixed(3), '0.205')
  t.equal(lateness.maxMs, 0.31)
})

t.test('what is later than the histogram reaches counts as its end', async t => {
  const lateness = new Lateness()
  lateness.add(70)
  t.equal(lateness.quantile(0.5).toFixed(3), '5.005')
  t.equal(lateness.maxMs, 70)
})

t.test('without packets nothing was late', async t => {
  t.equal(new Lateness().quantile(0.99), 0)
})
