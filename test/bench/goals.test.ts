import t from 'tap'
import { FRP_GOALS, LINK_GOALS, OWN_GOALS, OWN_RATIOS } from '../../bench/goals.ts'
import { parseLink } from '../../bench/link-text.ts'
import { SCENARIOS } from '../../bench/scenarios/index.ts'
import { SUITES } from '../../bench/suites.ts'

const known = new Set(SCENARIOS.flatMap(({ metrics }) => metrics.map(({ id }) => id)))

t.test('every goal is about a figure that some scenario gives', async t => {
  const goals = [...FRP_GOALS, ...OWN_GOALS, ...OWN_RATIOS, ...LINK_GOALS]
  const metrics = goals.map(({ metric }) => metric.replace(/@.*/, ''))
  t.strictSame(metrics.filter(metric => !known.has(metric)), [])
})

t.test('every goal of a link is measured by the suite, on that link', async t => {
  const link = SUITES.find(({ name }) => name === 'link')
  const measured = new Set(
    link?.cases.flatMap(({ label, scenarios = [] }) => {
      const chosen = SCENARIOS.filter(({ name }) => {
        return scenarios.some(word => name === word || (word !== 'keystroke' && name.startsWith(word)))
      })
      return chosen.flatMap(({ metrics }) => metrics.map(({ id }) => `${id}@${label}`))
    }),
  )
  t.strictSame(LINK_GOALS.map(({ metric }) => metric).filter(metric => !measured.has(metric)), [])
})

t.test('the link of the goals is 50 Mbit/s, 50 ms, 250 kB, and its loss is what labels say', async t => {
  const cases = SUITES.find(({ name }) => name === 'link')?.cases ?? []
  for (const { label, link = '' } of cases) {
    const { up, down, userRoundTripMs } = parseLink(link).link
    t.strictSame(up, down)
    t.match(up, { delayMs: 25, rateBitsPerSecond: 50e6, queueBytes: 250_000 })
    t.equal(userRoundTripMs, 50)
    t.equal(`loss-${(up.loss ?? 0) * 100}`, label)
  }
  t.strictSame([...new Set(cases.map(({ label }) => label))], ['loss-0', 'loss-1', 'loss-2'])
})
