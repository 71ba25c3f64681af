import t from 'tap'
import { systemClock } from '../lib/clock.ts'

t.test('a delay beyond what Node can wait is long, not none', async t => {
  let hasRung = false
  const cancel = systemClock.after(2 ** 40, () => {
    hasRung = true
  })
  // Timers fire in the order of their times, so a wrong one of 1 ms comes before this.
  await new Promise(resolve => setTimeout(resolve, 5))
  t.equal(hasRung, false)
  cancel()
})
