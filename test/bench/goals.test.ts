import t from 'tap'
import { FRP_GOALS, GAME_GOALS, LINK_GOALS, OWN_GOALS, OWN_RATIOS } from '../../bench/goals.ts'
import { parseLink } from '../../bench/link-text.ts'
import { extraPeers } from '../../bench/peers/ours.ts'
import { labelled } from '../../bench/results.ts'
import { SCENARIOS } from '../../bench/scenarios/index.ts'
import { SUITES } from '../../bench/suites.ts'

const known = new Set(SCENARIOS.flatMap(({ metrics }) => metrics.map(({ id }) => id)))

t.test('every goal is about a figure that some scenario gives', async t => {
  const goals = [...FRP_GOALS, ...OWN_GOALS, ...OWN_RATIOS, ...LINK_GOALS, ...GAME_GOALS]
  const metrics = goals.map(({ metric }) => metric.replace(/@.*/, ''))
  t.strictSame(metrics.filter(metric => !known.has(metric)), [])
})

t.test('every goal of a suite is measured by it, on that link', async t => {
  for (const [suite, goals] of [
    ['link', LINK_GOALS],
    ['games', GAME_GOALS],
  ] as const) {
    const cases = SUITES.find(({ name }) => name === suite)?.cases ?? []
    const measured = new Set(
      cases.flatMap(({ label, scenarios = [] }) => {
        const isName = (word: string): boolean => SCENARIOS.some(({ name }) => name === word)
        const chosen = SCENARIOS.filter(({ name }) => {
          return scenarios.some(word => name === word || (!isName(word) && name.startsWith(word)))
        })
        return chosen.flatMap(({ metrics }) => metrics.map(({ id }) => labelled(id, label)))
      }),
    )
    t.ok(goals.length > 0)
    t.strictSame(goals.map(({ metric }) => metric).filter(metric => !measured.has(metric)), [])
  }
})

t.test('a peer that a goal wants beyond the usual ones is in a case of its suite', async t => {
  const extras = extraPeers().map(({ name }) => name)
  for (const { name, cases, goals } of SUITES) {
    const peers = goals(true).flatMap(goal => [
      goal.peer,
      ...(goal.type === 'ratio' ? [goal.against] : []),
    ])
    const taken = new Set(cases.flatMap(one => one.extraPeers ?? []))
    t.strictSame(extras.filter(peer => peers.includes(peer) && !taken.has(peer)), [], name)
  }
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
