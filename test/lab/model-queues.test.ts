// The two orders of time that the network runs on, against a list that is sorted.

import t from 'tap'
import { Deadlines } from '../../bench/lab/model/deadlines.ts'
import { poisson, seededRandom as modelRandom } from '../../bench/lab/model/random.ts'
import { TimeQueue } from '../../bench/lab/model/time-queue.ts'
import { seededRandom, testSeed } from '../support/random.ts'

t.test('what is due leaves in order of time, and of coming where times are the same', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const queue = new TimeQueue<number>()
  const waiting: { at: number; number: number }[] = []
  for (let number = 0; number < 5000; number++) {
    if (random.below(3) > 0) {
      const at = random.below(50)
      queue.push(at, number)
      waiting.push({ at, number })
      continue
    }
    waiting.sort((one, other) => one.at - other.at || one.number - other.number)
    if (queue.nextAt !== (waiting[0]?.at ?? Infinity)) t.fail(`next at ${queue.nextAt}`)
    if (queue.pop() !== waiting.shift()?.number) t.fail(`number ${number}`)
  }
  t.equal(queue.size, waiting.length)
})

t.test('the earliest deadline is known, however deadlines change', async t => {
  const seed = testSeed()
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const deadlines = new Deadlines(13)
  const all = Array<number>(13).fill(Infinity)
  for (let count = 0; count < 20_000; count++) {
    const number = random.below(13)
    const at = random.below(10) === 0 ? Infinity : random.below(1000)
    deadlines.set(number, at)
    all[number] = at
    if (deadlines.nextAt !== Math.min(...all)) t.fail(`after ${count} changes`)
    if (all[deadlines.next] !== deadlines.nextAt) t.fail(`number ${deadlines.next}`)
  }
  t.pass('20,000 changes')
})

t.test('without anything to wait for the next time is Infinity', async t => {
  t.equal(new TimeQueue().nextAt, Infinity)
  t.equal(new TimeQueue().pop(), undefined)
  t.equal(new Deadlines(3).nextAt, Infinity)
  t.equal(new Deadlines(0).nextAt, Infinity)
})

t.test('random numbers fill their range evenly', async t => {
  const random = modelRandom(1)
  const counts = Array<number>(10).fill(0)
  for (let count = 0; count < 100_000; count++) {
    const place = Math.floor(random() * 10)
    counts[place] = (counts[place] ?? 0) + 1
  }
  t.ok(counts.every(count => Math.abs(count - 10_000) < 600), `${counts}`)
})

t.test('events come as often as they should, few or many', async t => {
  const random = modelRandom(1)
  for (const mean of [0, 0.2, 3, 29, 31, 400]) {
    const counts = Array.from({ length: 5000 }, () => poisson(random, mean))
    const average = counts.reduce((sum, count) => sum + count, 0) / counts.length
    const spread = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length
    const isNear = Math.abs(average - mean) <= 5 * Math.sqrt(mean / 5000)
    t.ok(isNear, `mean ${mean}: ${average.toFixed(2)}`)
    t.ok(Math.abs(spread - mean) <= 0.15 * mean, `variance ${spread.toFixed(2)}`)
    t.ok(counts.every(count => Number.isInteger(count) && count >= 0))
  }
})
