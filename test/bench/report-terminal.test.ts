import t from 'tap'
import { formatDuration, formatFactor, formatNumber, pageText } from '../../bench/report/numbers.ts'
import { describeStep, ProgressLine } from '../../bench/report/progress.ts'
import type { ProgressStream } from '../../bench/report/progress.ts'
import {
  alignColumns,
  figureLines,
  goalLines,
  terminalReport,
  wantsColor,
} from '../../bench/report/terminal.ts'
import { fullReport, sampleReport } from './report-sample.ts'

const PLAIN = { hasColor: false } as const
const STEP = {
  done: 6,
  total: 24,
  scenario: 'keystroke',
  peer: 'ours-tcp',
  round: 2,
  rounds: 3,
  elapsedMs: 12_000,
}

t.test('a number shows three digits that matter', async t => {
  t.strictSame([3412.4, 99.97, 97.44, 9.996, 1.524, 0.0168, 0, -12.34].map(formatNumber), [
    '3412',
    '100',
    '97.4',
    '10.0',
    '1.52',
    '0.017',
    '0',
    '-12.3',
  ])
})

t.test('a factor and a duration are as short as they can be', async t => {
  t.strictSame([12.34, 3.14, 1.07].map(formatFactor), ['12x', '3.1x', '1.07x'])
  t.strictSame([45_400, 120_000, 200_000].map(formatDuration), ['45 s', '2 min', '3 min 20 s'])
})

t.test('a page writes the signs that a terminal may not have', async t => {
  t.equal(pageText('12x better, 3.1..4.2, 5 us, ...'), '12× better, 3.1–4.2, 5 µs, ...')
})

t.test('columns have one width, numbers end under each other', async t => {
  t.strictSame(
    alignColumns(
      [
        ['a', '1', ''],
        ['bbb', '1000', 'x'],
      ],
      [1],
    ),
    ['a       1', 'bbb  1000  x'],
  )
})

t.test('the figures have a line for each peer, with the ratio of the reference to it', async t => {
  t.strictSame(figureLines(sampleReport(), PLAIN), [
    '  peer            median  range       runs  ours-quic is',
    'one stream down (more is better)',
    '  ours-quic  39.0 Mbit/s  38.0..40.0     3',
    '  ours-tcp   3.20 Mbit/s  3.10..3.30     3  12x better',
  ])
})

t.test('a peer that was not measured has no line, and nothing at all is said', async t => {
  const values = { 'bulk-down': { 'ours-tcp': [3] } }
  t.equal(figureLines(sampleReport({ values }), PLAIN).length, 3)
  t.strictSame(figureLines(sampleReport({ values: {} }), PLAIN), ['nothing was measured'])
})

t.test('a goal says the bound, the unit and whether it is met', async t => {
  const goal = { type: 'bound', metric: 'bulk-down', peer: 'ours-quic' } as const
  const spread = { min: 38, max: 40, count: 3 }
  const report = sampleReport({
    goals: [
      { goal: { ...goal, atMost: 50 }, value: 39, spread, verdict: 'met' },
      {
        goal: { type: 'ratio', metric: 'gone', peer: 'a', against: 'b', atLeast: 1.5 },
        value: 1.2,
        spread,
        verdict: 'missed',
      },
    ],
  })
  const [, met = '', missed = ''] = goalLines(report, PLAIN)
  t.match(met, /^one stream down +ours-quic +39\.0 Mbit\/s +38\.0\.\.40\.0 +<= 50 Mbit\/s +met$/)
  t.match(missed, /^gone +a \/ b +1\.20x .* >= 1\.5x +missed$/)
  t.strictSame(goalLines(sampleReport(), PLAIN), [])
})

t.test('colour is only where it is asked for', async t => {
  t.notMatch(terminalReport(fullReport(), PLAIN), /\u001b/)
  t.match(terminalReport(fullReport(), { hasColor: true }), /\u001b\[32m {2}ours-tcp/)
})

t.test('colour is for terminals whose user did not refuse it', async t => {
  t.equal(wantsColor({ isTTY: true }, {}), true)
  t.equal(wantsColor({ isTTY: true }, { NO_COLOR: '1' }), false)
  t.equal(wantsColor({ isTTY: true }, { TERM: 'dumb' }), false)
  t.equal(wantsColor({}, {}), false)
})

t.test('the whole text says the conditions, the failures and the end', async t => {
  const failures = [{ scenario: 'rebind', peer: 'ours-tcp', message: 'the stream broke' }]
  const text = terminalReport(sampleReport({ failures, notes: ['other work runs'] }), PLAIN)
  for (const wanted of [
    /^command {2}frpc bench --emulate/,
    /notes {4}other work runs/,
    /Debian GNU\/Linux 12 \(bookworm\), Linux 6\.12\.3, Node 20\.19\.0/,
    /ours-tcp: quicfrp 0\.1\.0, tcp/,
    /failed: rebind of ours-tcp: the stream broke/,
    /QUIC carries 12x what TCP mode\s+does/,
    /3 rounds in 94 s\n$/,
  ]) {
    t.match(text, wanted)
  }
  t.match(
    terminalReport(sampleReport({ isInterrupted: true }), PLAIN),
    /interrupted after 94 s: the figures are those measured so far\n$/,
  )
})

t.test('no line of figures or words is wider than a usual terminal', async t => {
  const [, figures = '', , words = ''] = terminalReport(fullReport(), PLAIN).split('\n\n')
  for (const line of `${figures}\n${words}`.split('\n')) t.ok(line.length <= 80, line)
})

t.test('a step says what runs and, after a few, how long the rest takes', async t => {
  t.equal(describeStep(STEP), '[ 7/24] keystroke of ours-tcp, round 2 of 3, about 36 s left')
  t.equal(describeStep({ ...STEP, done: 1 }), '[ 2/24] keystroke of ours-tcp, round 2 of 3')
})

class FakeStream implements ProgressStream {
  readonly isTTY: boolean
  readonly columns = 40
  text = ''

  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
  }
}

t.test('on a terminal the progress is one line that never wraps and goes away', async t => {
  const stream = new FakeStream(true)
  const line = new ProgressLine(stream)
  line.show(STEP)
  t.equal(stream.text, '\r\u001b[K[ 7/24] keystroke of ours-tcp, round 2 ')
  stream.text = ''
  line.end()
  t.equal(stream.text, '\r\u001b[K')
})

t.test('in a file each step is a line, without escapes', async t => {
  const stream = new FakeStream(false)
  const line = new ProgressLine(stream)
  line.show(STEP)
  line.show({ ...STEP, done: 7 })
  line.end()
  t.match(stream.text, /^\[ 7\/24\].*\n\[ 8\/24\].*\n$/)
  t.notMatch(stream.text, /\u001b/)
})

t.test('a table stands before the figures, its columns aligned', async t => {
  const tables = [
    { title: 'seconds to direct', columns: ['owner', 'public'], rows: [['random', '0.11']] },
  ]
  const text = terminalReport(sampleReport({ tables }), { hasColor: false })
  t.match(text, /seconds to direct\n  owner {3}public\n  random {4}0\.11\n/)
  t.ok(text.indexOf('seconds to direct') < text.indexOf('one stream down'))
})
