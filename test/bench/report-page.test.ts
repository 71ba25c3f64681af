import t from 'tap'
import { htmlReport } from '../../bench/report/html.ts'
import { jsonReport } from '../../bench/report/json.ts'
import { markup } from '../../bench/report/markup.ts'
import { lookOf } from '../../bench/report/peer-look.ts'
import { sectionsOf } from '../../bench/report/sections.ts'
import type { BenchReport, Series } from '../../bench/report/types.ts'
import { BULK_DOWN, fullReport, sampleReport } from './report-sample.ts'

const LATENCY = { kind: 'latency', id: 'keystroke', title: 'keystroke', round: 1 } as const
const TIMELINE = {
  kind: 'timeline',
  id: 'bulk-down',
  title: 'one stream down',
  unit: 'Mbit/s',
  stepMs: 100,
  round: 1,
} as const

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

function withSeries(...series: readonly Series[]): string {
  return htmlReport(sampleReport({ series }))
}

t.test('the page has no script, loads nothing and allows itself nothing', async t => {
  const page = htmlReport(fullReport())
  t.notMatch(page, /<script|<link|<img|@import|url\(|src=|href=|https?:/)
  t.match(page, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/)
  t.match(page, /<meta name="viewport" content="width=device-width, initial-scale=1">/)
  t.match(page, /prefers-color-scheme:dark/)
})

t.test('each element that is opened is closed', async t => {
  const page = htmlReport(fullReport())
  for (const name of [
    'main',
    'section',
    'figure',
    'div',
    'table',
    'tr',
    'td',
    'th',
    'span',
    'svg',
  ]) {
    t.equal(
      count(page, new RegExp(`<${name}[ >]`, 'g')),
      count(page, new RegExp(`</${name}>`, 'g')),
    )
  }
  t.notMatch(page, /undefined|NaN|Infinity|\[object/)
})

t.test('what came from outside is text on the page, never an element', async t => {
  const bad = `<img src=x onerror="alert('1')">&`
  const page = htmlReport(
    sampleReport({
      command: bad,
      versions: { 'ours-quic': bad, 'ours-tcp': '', [bad]: bad },
      metrics: [{ ...BULK_DOWN, title: bad }],
      values: { 'bulk-down': { 'ours-quic': [2], 'ours-tcp': [1], [bad]: [1] } },
      series: [
        { ...TIMELINE, title: bad, peer: bad, points: [1], marks: [{ atMs: 0, text: bad }] },
      ],
      notes: [bad],
      failures: [{ scenario: bad, peer: bad, message: bad }],
    }),
  )
  t.notMatch(page, /<img/i)
  t.match(page, /&lt;img src=x onerror=&quot;alert\(&#39;1&#39;\)&quot;&gt;&amp;/)
})

t.test('markup inside markup is not escaped again', async t => {
  t.equal(
    markup`<b>${markup`<i>${'<'}</i>`}${[1, undefined, '&']}</b>`.text,
    '<b><i>&lt;</i>1&amp;</b>',
  )
})

t.test('the page says the verdict, the conditions and every single value', async t => {
  const page = htmlReport(fullReport())
  for (const text of [
    'QUIC carries 12× what TCP mode does on this link with 2 % loss',
    'TCP mode is better in',
    'frpc bench --emulate delay=25ms,loss=2%,rate=50m',
    '2026-11-22T10:00:00.000Z',
    '2 × Example CPU @ 2.50GHz, 8.00 GiB',
    'Linux 6.12.3, Node 20.19.0',
    'frp 0.70.1, tcp, its defaults (frp-tcp)',
    'Emulated: 25 ms each way',
    'All medians and single runs',
  ]) {
    t.ok(page.includes(text), text)
  }
  t.match(htmlReport(sampleReport()), /<td>38\.0 39\.0 40\.0<\/td>/)
})

t.test('bars begin at zero, and a dot stands for each run', async t => {
  const page = htmlReport(
    sampleReport({ values: { 'bulk-down': { 'ours-quic': [20, 30, 40], 'ours-tcp': [10] } } }),
  )
  t.match(page, /class="bar " style="width:75%"/)
  t.match(page, /class="bar " style="width:25%"/)
  t.equal(count(page, /<i style="left:/g), 4)
})

t.test('a direct way far beyond all tunnels has its bar cut, and says so', async t => {
  const values = (direct: number): BenchReport['values'] => {
    return { 'bulk-down': { 'ours-quic': [2000], 'ours-tcp': [1000], direct: [direct] } }
  }
  const versions = { 'ours-quic': '', 'ours-tcp': '', direct: '' }
  const cut = htmlReport(sampleReport({ versions, values: values(30_000) }))
  t.match(cut, /class="bar cut" style="width:100%"/)
  t.match(cut, /bar is cut/)
  t.notMatch(htmlReport(sampleReport({ versions, values: values(3000) })), /bar is cut/)
})

t.test('a time line of the direct way is cut like its bar', async t => {
  const page = withSeries(
    { ...TIMELINE, peer: 'ours-quic', points: [10, 20] },
    { ...TIMELINE, peer: 'direct', points: [300, 400] },
  )
  t.match(page, /no tunnel<\/span> <small>beyond the axis, up to 400<\/small>/)
  t.equal(count(page, /beyond the axis/g), 1)
})

t.test('a distribution pools the rounds of a peer and tells its percentiles', async t => {
  const half = Array.from({ length: 100 }, (_, index) => index + 1)
  const page = withSeries(
    { ...LATENCY, peer: 'ours-quic', samplesMs: half },
    { ...LATENCY, peer: 'ours-quic', round: 2, samplesMs: half },
  )
  const cells = ['50.0', '90.0', '99.0', '100'].map(value => `<td>${value}</td>`).join('')
  t.ok(page.includes(`${cells}<td class="wide-only">200</td>`))
  t.equal(count(page, /class="frame tall"/g), 1)
})

t.test('a 99th percentile needs a hundred samples', async t => {
  const page = withSeries({ ...LATENCY, peer: 'ours-quic', samplesMs: [1, 2, 3] })
  t.match(page, /<td>2\.00<\/td><td>3\.00<\/td><td>–<\/td><td>3\.00<\/td>/)
})

t.test('samples that never came back are counted, and hold the percentiles up', async t => {
  const samplesMs = Array.from({ length: 100 }, (_, index) => (index < 95 ? 10 : Infinity))
  const page = withSeries({ ...LATENCY, peer: 'ours-quic', samplesMs })
  t.match(page, /<td>10\.0<\/td><td>10\.0<\/td><td>lost<\/td><td>10\.0<\/td><td>5<\/td>/)
  t.match(withSeries({ ...LATENCY, peer: 'ours-quic', samplesMs: [Infinity] }), /No sample came/)
})

t.test('time lines have a strip for each peer, and the marks of what happened', async t => {
  const marks = [{ atMs: 150, text: 'address change' }]
  const page = withSeries(
    { ...TIMELINE, peer: 'ours-quic', points: [10, 20, 30], marks },
    { ...TIMELINE, peer: 'ours-quic', round: 2, points: [20, 20, 20], marks },
    { ...TIMELINE, peer: 'ours-tcp', points: [1, 2, 1] },
  )
  t.equal(count(page, /class="frame strip"/g), 2)
  t.equal(count(page, /class="curve thin"/g), 2, 'the rounds beside their median')
  t.match(page, /<span style="left:50%">address change<\/span>/)
})

t.test('a plot stands beside the figures of its scenario and link', async t => {
  const metrics = ['loss-0', 'loss-1'].map(label => ({ ...BULK_DOWN, id: `bulk-down@${label}` }))
  const sections = sectionsOf(
    sampleReport({
      metrics,
      values: Object.fromEntries(metrics.map(({ id }) => [id, { 'ours-quic': [1] }])),
      series: [
        { ...TIMELINE, id: 'bulk-down@loss-1', peer: 'ours-quic', points: [1] },
        { ...LATENCY, id: 'game-60@loss-1', peer: 'ours-quic', samplesMs: [1] },
      ],
    }),
  )
  t.match(sections, [
    {
      title: 'Throughput',
      topics: [
        { metrics: [{ id: 'bulk-down@loss-0' }], plots: [] },
        { metrics: [{ id: 'bulk-down@loss-1' }], plots: [[{ id: 'bulk-down@loss-1' }]] },
      ],
    },
    { title: 'Game traffic', topics: [{ metrics: [], plots: [[{ id: 'game-60@loss-1' }]] }] },
  ])
})

t.test('a failure is a line, and the log behind it is folded', async t => {
  const failures = [{ scenario: 'rebind', peer: 'ours-tcp', message: 'it ended:\n | a\n | b' }]
  t.match(
    htmlReport(sampleReport({ failures })),
    /<summary>rebind of TCP mode failed: it ended:<\/summary><pre> \| a\n \| b<\/pre>/,
  )
})

t.test('peers keep their colours: the hue is the transport, the line the program', async t => {
  t.equal(lookOf('ours-quic').classes, 'blue whole')
  t.equal(lookOf('frp-quic').classes, 'blue dashed')
  t.equal(lookOf('ours-tcp').classes, 'orange whole')
  t.equal(lookOf('ours-quic-1452').classes, 'blue mixed')
  t.equal(lookOf('direct').classes, 'grey dotted')
  t.match(lookOf('rathole'), { label: 'rathole', classes: 'ochre mixed' })
})

t.test('reports with little in them are pages too', async t => {
  for (const report of [
    sampleReport({ values: {}, isInterrupted: true }),
    sampleReport({ metrics: [], values: {}, versions: {} }),
    sampleReport({ values: { 'bulk-down': { 'ours-quic': [0], 'ours-tcp': [-1] } } }),
    sampleReport({ series: [{ ...TIMELINE, peer: 'ours-quic', points: [] }] }),
    sampleReport({ series: [{ ...LATENCY, peer: 'ours-quic', samplesMs: [] }] }),
  ]) {
    const page = htmlReport(report)
    t.equal(/undefined|NaN|Infinity/.exec(page), null)
  }
})

t.test('the JSON is the report, with its samples on a line and six digits each', async t => {
  const report = sampleReport({
    series: [{ ...LATENCY, peer: 'ours-quic', samplesMs: [1.23456789, 2, Infinity] }],
  })
  const text = jsonReport(report)
  t.match(text, /"samplesMs": \[ 1\.23457, 2, null \]/)
  const samplesMs = [1.23457, 2, null]
  t.strictSame(JSON.parse(text), { ...report, series: [{ ...report.series[0], samplesMs }] })
})

t.test('a text that looks like a list of numbers stays as it is in the JSON', async t => {
  const notes = ['[\n  1,\n  2\n]']
  t.strictSame(JSON.parse(jsonReport(sampleReport({ notes }))).notes, notes)
})

t.test('a table is a section of the page, its words escaped', async t => {
  const tables = [{ title: 'pairs', columns: ['owner', '<nat>'], rows: [['random', 'relay & more']] }]
  const page = htmlReport(sampleReport({ tables }))
  t.match(page, /<h2>Pairs<\/h2>/)
  t.match(page, /<td>relay &amp; more<\/td>/)
  t.notMatch(page, /<nat>/)
})
