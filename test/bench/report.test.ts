import t from 'tap'
import { FRP_GOALS, OWN_GOALS, OWN_RATIOS } from '../../bench/goals.ts'
import { alignColumns, figuresTable, formatNumber, goalsTable } from '../../bench/report.ts'
import type { ReportOptions } from '../../bench/report.ts'
import { Results } from '../../bench/results.ts'
import { SCENARIOS } from '../../bench/scenarios/index.ts'

const OPTIONS: ReportOptions = {
  metrics: [{ id: 'bulk-down', title: 'one stream down', unit: 'Mbit/s' }],
  peers: ['ours-quic', 'frp-quic'],
  goals: FRP_GOALS,
  hasColor: false
}

function measured(own: number): Results {
  const results = new Results()
  results.add('ours-quic', { 'bulk-down': own })
  results.add('frp-quic', { 'bulk-down': 1000 })
  return results
}

t.test('columns have one width, numbers end under each other', async t => {
  t.strictSame(
    alignColumns(
      [
        ['a', '1', ''],
        ['bbb', '1000', 'x']
      ],
      [1]
    ),
    ['a       1', 'bbb  1000  x']
  )
})

t.test('a number shows three digits that matter', async t => {
  t.strictSame([3412.4, 97.44, 1.524, 0, -12.34].map(formatNumber), [
    '3412',
    '97.4',
    '1.52',
    '0.00',
    '-12.3'
  ])
})

t.test('the table of figures has a line for each peer that was measured', async t => {
  const lines = figuresTable(measured(2000), {
    ...OPTIONS,
    peers: ['ours-quic', 'frp-quic', 'direct']
  })
  t.equal(lines.length, 3)
  t.match(lines[1], /^one stream down +ours-quic +2000 +Mbit\/s/)
  t.match(lines[2], /^ +frp-quic +1000 +Mbit\/s/)
})

t.test('the table of goals says the ratio, the goal and whether it is met', async t => {
  const met = goalsTable(measured(1500), OPTIONS)
  t.match(met[1], /one stream down +ours-quic \/ frp-quic +1\.50x +>= 1\.5x +met$/)
  const missed = goalsTable(measured(1499), OPTIONS)
  t.match(missed[1], /missed$/)
})

t.test('colour is only where it is asked for', async t => {
  t.notMatch(goalsTable(measured(2000), OPTIONS).join(''), /\u001b/)
  t.match(goalsTable(measured(2000), { ...OPTIONS, hasColor: true }).join(''), /\u001b\[32m/)
})

t.test('with nothing measured the tables say so and are short', async t => {
  t.strictSame(figuresTable(new Results(), OPTIONS), ['nothing was measured'])
  t.strictSame(goalsTable(new Results(), OPTIONS), [])
})

t.test('every goal is about a figure that some scenario gives', async t => {
  const known = new Set(SCENARIOS.flatMap(({ metrics }) => metrics.map(({ id }) => id)))
  const unknown = [...FRP_GOALS, ...OWN_GOALS, ...OWN_RATIOS].filter(
    ({ metric }) => !known.has(metric)
  )
  t.strictSame(unknown, [])
})
