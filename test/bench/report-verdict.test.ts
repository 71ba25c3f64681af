import t from 'tap'
import type { BenchReport, Metric } from '../../bench/report/types.ts'
import { describePlace, verdictOf, verdictText } from '../../bench/report/verdict.ts'
import { BULK_DOWN, fullReport, LOSSY_LAB, sampleReport } from './report-sample.ts'

const BULK_UP: Metric = { ...BULK_DOWN, id: 'bulk-up', title: 'one stream up' }
const CPU: Metric = {
  id: 'bulk-down-cpu',
  title: 'CPU',
  unit: 's/GB',
  better: 'lower',
  scenario: 'bulk-down',
}

/** Three equal runs of each: ours-quic, then ours-tcp. */
function measured(
  figures: readonly (readonly [Metric, number, number])[],
  changes: Partial<BenchReport> = {},
): BenchReport {
  return sampleReport({
    metrics: figures.map(([metric]) => metric),
    values: Object.fromEntries(
      figures.map(([{ id }, own, other]) => [
        id,
        { 'ours-quic': [own, own, own], 'ours-tcp': [other, other, other] },
      ]),
    ),
    ...changes,
  })
}

t.test('the headline says how many times as much is carried, and on which link', async t => {
  t.equal(
    verdictOf(measured([[BULK_DOWN, 36, 3]])).headline,
    'QUIC carries 12x what TCP mode does on this link with 2 % loss.',
  )
})

t.test('two directions give a range', async t => {
  const both = measured([
    [BULK_DOWN, 36, 3],
    [BULK_UP, 27, 3],
  ])
  t.match(verdictOf(both).headline, /^QUIC carries 9\.0x to 12x what TCP mode does/)
})

t.test('a rival that carried nothing has no factor', async t => {
  t.match(
    verdictOf(measured([[BULK_DOWN, 36, 0]])).headline,
    /^QUIC carries more than what TCP mode/,
  )
})

t.test('where TCP mode carries more, the headline says that', async t => {
  const report = measured([[BULK_DOWN, 1000, 1500]], { place: { kind: 'loopback' } })
  t.equal(verdictOf(report).headline, 'TCP mode carries 1.5x what QUIC does over loopback.')
})

t.test('where directions disagree, the headline names them', async t => {
  const mixed = measured([
    [BULK_DOWN, 36, 3],
    [BULK_UP, 3, 36],
  ])
  t.match(
    verdictOf(mixed).headline,
    /^QUIC carries 12x what TCP mode does down, TCP mode carries 12x what QUIC does up on this/,
  )
  const half = measured([
    [BULK_DOWN, 3, 3],
    [BULK_UP, 36, 3],
  ])
  t.match(verdictOf(half).headline, /does up, both carry about the same down on this link/)
  t.match(verdictOf(measured([[BULK_DOWN, 3, 3]])).headline, /carry about the same/)
})

t.test(
  'keystrokes beside a transfer are in the headline where they speak for one side',
  async t => {
    const keys = (own: number, other: number): string => {
      const [id, scenario] = ['keystroke-down-p99', 'keystroke-down']
      const metric: Metric = { ...CPU, id, scenario, unit: 'ms' }
      return verdictOf(
        measured([
          [BULK_DOWN, 10, 30],
          [metric, own, other],
        ]),
      ).headline
    }
    t.match(keys(100, 400), /; QUIC answers keystrokes beside a transfer 4\.0x sooner\.$/)
    t.match(keys(400, 100), / on this link with 2 % loss and answers keystrokes/)
    t.notMatch(keys(100, 101), /keystrokes/)
  },
)

t.test('without a transfer the headline counts figures', async t => {
  const report = measured([
    [CPU, 1, 2],
    [{ ...CPU, id: 'x' }, 2, 1],
  ])
  t.match(verdictOf(report).headline, /^QUIC is better in one figure, TCP mode in 1 on this link/)
})

t.test('what TCP mode does better is named with its figures', async t => {
  const { sentences } = verdictOf(
    measured([
      [BULK_DOWN, 36, 3],
      [CPU, 2.4, 1.2],
    ]),
  )
  t.strictSame(sentences, [
    'QUIC is better in one stream down (36.0 against 3.00 Mbit/s, 12x).',
    'TCP mode is better in CPU (1.20 against 2.40 s/GB, 2.0x).',
  ])
})

t.test('of many wins four are named, of losses six, and the rest is counted', async t => {
  const wins = Array.from({ length: 6 }, (_, index) => {
    const id = `a${index}`
    return [{ ...BULK_DOWN, id, title: `win ${index}`, scenario: id }, 10, 1] as const
  })
  const losses = Array.from({ length: 7 }, (_, index) => {
    return [{ ...BULK_DOWN, id: `b${index}`, title: `loss ${index}` }, 1, 10] as const
  })
  const [better = '', worse = ''] = verdictOf(measured([...wins, ...losses])).sentences
  t.match(better, /win 3 .*; and 2 figures more\.$/)
  t.notMatch(better, /win 4/)
  t.match(worse, /loss 5 .*; and one figure more\.$/)
  t.equal(worse.match(/loss \d/g)?.length, 6)
})

t.test('of one scenario the largest win is named', async t => {
  const p50: Metric = { ...CPU, id: 'k-p50', title: 'median', scenario: 'keystroke' }
  const report = measured([
    [p50, 10, 20],
    [{ ...p50, id: 'k-p99', title: 'p99' }, 10, 90],
  ])
  t.equal(
    verdictOf(report).sentences[0],
    'QUIC is better in p99 (10.0 against 90.0 s/GB, 9.0x); and one figure more.',
  )
})

t.test('a figure that only one of the two has is said, either way', async t => {
  const report = sampleReport({
    metrics: [BULK_DOWN, BULK_UP, CPU],
    values: {
      'bulk-down': { 'ours-quic': [5], 'ours-tcp': [1] },
      'bulk-up': { 'ours-quic': [5] },
      'bulk-down-cpu': { 'ours-tcp': [5] },
    },
  })
  const remarks = verdictOf(report).remarks.join(' ')
  t.match(
    remarks,
    /Only QUIC has a figure for one stream up\. Only TCP mode has a figure for CPU\./,
  )
})

t.test('unequal losses of a link are both named, a suite of links names none', async t => {
  const { link } = LOSSY_LAB as Extract<BenchReport['place'], { kind: 'lab' }>
  const place = { ...LOSSY_LAB, link: { ...link, up: { loss: 0.01 } } } as BenchReport['place']
  t.match(
    verdictOf(measured([[BULK_DOWN, 36, 3]], { place })).headline,
    /2 % loss towards frpc and 1 % from it/,
  )
  const suite = measured([[{ ...BULK_DOWN, id: 'bulk-down@loss-1' }, 36, 3]])
  t.match(verdictOf(suite).headline, /on these links\.$/)
})

t.test('failures, single runs and loopback are said', async t => {
  const report = sampleReport({
    place: { kind: 'loopback' },
    values: { 'bulk-down': { 'ours-quic': [5], 'ours-tcp': [1] } },
    failures: [{ scenario: 'rebind', peer: 'ours-tcp', message: 'the stream broke' }],
  })
  const remarks = verdictOf(report).remarks.join(' ')
  for (const text of [/single run/, /Loopback shows/, /One run failed/]) {
    t.match(remarks, text)
  }
})

t.test('other programs are named with what they do better', async t => {
  const { remarks } = verdictOf(fullReport())
  t.match(
    remarks.join(' '),
    /Against frp in tcp mode, QUIC is better in \d of 9 figures and worse in 2: one/,
  )
  t.notMatch(remarks.join(' '), /no tunnel/)
})

t.test('a peer alone, and nothing at all, are no comparison', async t => {
  const alone = sampleReport({ values: { 'bulk-down': { 'ours-quic': [5] } } })
  t.match(verdictText(alone), /^QUIC was measured alone\. There is nothing/)
  t.match(verdictText(sampleReport({ values: {} })), /^Nothing was measured\./)
})

t.test('each place is described', async t => {
  t.match(describePlace({ kind: 'loopback' }), /no delay, no loss/)
  t.match(describePlace(LOSSY_LAB), /^emulated: 25 ms/)
  t.match(describePlace({ kind: 'server', address: 'x.example:7000' }), /x\.example:7000/)
})
