// A report as one page: a file that needs no network and no script, for a phone as for a desktop,
// light and dark. What it comes to in words stands first, all single medians last.

import { barBlock } from './bars.ts'
import { compare, mainRival, peersOf, summaryOf, valuesOf } from './comparison.ts'
import { latencyPlot } from './latency-plot.ts'
import { markup, Markup } from './markup.ts'
import { capital, formatDuration, formatFactor, formatNumber } from './numbers.ts'
import { formatRange, pageText, pageUnit } from './numbers.ts'
import { styleSheet } from './page-style.ts'
import { lookOf } from './peer-look.ts'
import { sectionsOf, type Section, type Topic } from './sections.ts'
import { describeOutcome, goalCells } from './terminal.ts'
import { timelinePlot } from './timeline-plot.ts'
import type { BenchReport, Metric, Series } from './types.ts'
import { describePlace, verdictOf } from './verdict.ts'

/** Letters from which on a headline is set smaller. */
const LONG_HEADLINE = 80

/** The text of a file. It loads nothing, and its own policy forbids it to. */
export function htmlReport(report: BenchReport): string {
  const { headline, sentences, remarks } = verdictOf(report)
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${pageText(headline)}</title>
<style>${new Markup(styleSheet())}</style></head>
<body><main>
<header><p class="kicker">frpc bench · ${placeText(report)}</p>
<h1${headline.length > LONG_HEADLINE ? new Markup(' class="long"') : undefined}>${pageText(
    headline,
  )}</h1>
<p class="verdict">${pageText(sentences.join(' '))}</p>
<p class="remarks">${pageText([...remarks, conditions(report)].join(' '))}</p>
${failures(report)}</header>
${tables(report)}
${glance(report)}
${rowsOf(sectionsOf(report)).map(row => {
  const sections = row.map(section => sectionOf(report, section))
  return row.length === 1 ? sections : markup`<div class="pair">${sections}</div>`
})}
${goals(report)}
${facts(report)}
${everything(report)}
</main></body></html>
`
  return page.text
}

function placeText({ place }: BenchReport): string {
  return pageText(capital(describePlace(place)))
}

function conditions({ rounds, measureMs, date, elapsedMs, isInterrupted }: BenchReport): string {
  const measured = `${Number((measureMs / 1000).toPrecision(3))} s`
  const end = isInterrupted ? 'interrupted after' : 'took'
  return [
    roundsText(rounds),
    `each figure measured for ${measured}`,
    ...(rounds < 2 ? [] : [`the range is that of the runs`]),
    `${date.slice(0, 10)}, ${end} ${formatDuration(elapsedMs)}.`,
  ].join('; ')
}

function roundsText(rounds: number): string {
  if (rounds === 0) return 'No round was completed'
  return rounds === 1 ? 'One round' : `Medians of ${rounds} rounds`
}

function failures({ failures }: BenchReport): Markup | undefined {
  if (failures.length === 0) return undefined
  return markup`<div class="failures">${failures.map(({ scenario, peer, message }) => {
    const [first = '', ...log] = message.split('\n')
    const text = markup`${scenario} of ${lookOf(peer).words} failed: ${first}`
    if (log.length === 0) return markup`<p>${text}</p>`
    return markup`<details><summary>${text}</summary><pre>${log.join('\n')}</pre></details>`
  })}</div>`
}

function tables({ tables = [] }: BenchReport): Markup[] {
  return tables.map(({ title, columns, rows }) => {
    const [corner = '', ...names] = columns
    return markup`<section><h2>${capital(title)}</h2><div class="card narrow"><table class="glance">
<thead><tr><th>${corner}</th>${names.map(name => markup`<th>${name}</th>`)}</tr></thead>
<tbody>${rows.map(
      row => markup`<tr>${row.map(cell => markup`<td>${cell}</td>`)}</tr>`,
    )}</tbody></table></div></section>`
  })
}

/** The reference beside its main rival, a line for each figure. */
function glance(report: BenchReport): Markup | undefined {
  const rival = mainRival(report)
  if (rival === undefined) return undefined
  const { reference } = report
  const rows = report.metrics.flatMap(metric => {
    const comparison = compare(report, metric, { peer: reference, against: rival })
    if (comparison === undefined) return []
    const { outcome, factor } = comparison
    const winner = lookOf(outcome === 'better' ? reference : rival)
    const by = factor === undefined ? '' : ` ${pageText(formatFactor(factor))}`
    const cell =
      outcome === 'even'
        ? markup`<span class="even">even</span>`
        : markup`<span class="winner ${winner.classes}">${winner.label}${by}</span>`
    return markup`<tr><td>${capital(metric.title)} <small>${pageUnit(metric.unit)}</small></td>
${figureCell(report, metric, reference)}${figureCell(report, metric, rival)}<td>${cell}</td></tr>`
  })
  return markup`<h2>At a glance</h2>
<p class="lead">Medians, under them the range of the runs, and which one is better by how much.</p>
<div class="card narrow"><table class="glance">
<thead><tr><th></th><th>${lookOf(reference).label}</th><th>${lookOf(rival).label}</th>
<th>better</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function figureCell(report: BenchReport, metric: Metric, peer: string): Markup {
  const summary = summaryOf(report, metric.id, peer)
  if (summary === undefined) return markup`<td></td>`
  const range = pageText(formatRange(summary))
  return markup`<td>${formatNumber(summary.median)}<small>${range}</small></td>`
}

/** Sections of a single block stand two in a row, where there is room. */
function rowsOf(sections: readonly Section[]): Section[][] {
  const isSmall = ({ topics }: Section): boolean =>
    topics.reduce((blocks, { metrics, plots }) => blocks + metrics.length + plots.length, 0) < 2
  const rows: Section[][] = []
  for (const section of sections) {
    const row = rows.at(-1)
    const hasRoom = row !== undefined && row.length === 1 && row.every(isSmall)
    if (hasRoom && isSmall(section)) row.push(section)
    else rows.push([section])
  }
  return rows
}

function sectionOf(report: BenchReport, { title, text, topics }: Section): Markup {
  const siblings = topics.flatMap(({ metrics }) => metrics)
  return markup`<section><h2>${title}</h2><p class="lead">${text}</p>${topics.map(topic => {
    return topicOf(report, topic, siblings)
  })}</section>`
}

/** The plots of a topic and, beside them where there is room, its bars. */
function topicOf(report: BenchReport, topic: Topic, siblings: readonly Metric[]): Markup {
  const plots = topic.plots.map(plotOf)
  const bars = topic.metrics.map(metric => barBlock(report, metric, siblings))
  if (plots.length === 0 || bars.length === 0) {
    return markup`<div class="columns">${plots}${bars}</div>`
  }
  return markup`<div class="pair"><div>${plots}</div><div>${bars}</div></div>`
}

function plotOf(series: readonly Series[]): Markup {
  const latencies = series.flatMap(one => (one.kind === 'latency' ? [one] : []))
  if (latencies.length > 0) return latencyPlot(latencies)
  return timelinePlot(series.flatMap(one => (one.kind === 'timeline' ? [one] : [])))
}

function goals(report: BenchReport): Markup | undefined {
  if (report.goals.length === 0) return undefined
  const hasBound = report.goals.some(({ verdict }) => verdict !== 'shown')
  const metrics = new Map(report.metrics.map(metric => [metric.id, metric]))
  const rows = report.goals.map(result => {
    const cells = goalCells(result, metrics.get(result.goal.metric)).map(pageText)
    const [title = '', of = '', value = '', range = '', wanted = '', verdict = ''] = cells
    return markup`<tr><td>${capital(title)} <small>${of}</small></td>
<td>${value}<small>${range}</small></td><td>${wanted}</td>
<td><span class="${verdict}">${verdict}</span></td></tr>`
  })
  return markup`<section><h2>${hasBound ? 'Goals' : 'Ratios'}</h2>
<p class="lead">${hasBound ? 'What quicfrp promises, beside what was measured.' : ''}</p>
<div class="card narrow"><table class="glance">
<thead><tr><th></th><th>measured</th><th>wanted</th><th></th></tr></thead>
<tbody>${rows}</tbody></table></div></section>`
}

function facts(report: BenchReport): Markup {
  const { machine } = report
  const memory = formatNumber(machine.memoryBytes / 2 ** 30)
  const lines: readonly (readonly [string, Markup | string])[] = [
    ['Command', markup`<code>${report.command}</code>`],
    ['Date', report.date],
    ['Link', placeText(report)],
    ['Machine', `${machine.cores} × ${machine.cpu}, ${memory} GiB of memory`],
    ['System', `${machine.os}, ${machine.kernel}, Node ${machine.node.replace(/^v/, '')}`],
    ['Load', `${machine.load.map(value => value.toFixed(1)).join(', ')} at the start`],
    ...Object.entries(report.versions).map(
      ([peer, text]) => [lookOf(peer).label, `${text} (${peer})`] as const,
    ),
    ...report.notes.map(note => ['Note', note] as const),
  ]
  return markup`<section><h2>How it was measured</h2><p class="lead">The command runs it again.</p>
<div class="card"><dl class="facts">${lines.map(([name, value]) => {
    return markup`<dt>${name}</dt><dd>${value}</dd>`
  })}</dl></div></section>`
}

function everything(report: BenchReport): Markup {
  const { reference } = report
  const rows = report.metrics.flatMap(metric =>
    peersOf(report, metric.id).map((peer, index) => {
      const comparison =
        peer === reference ? undefined : compare(report, metric, { peer: reference, against: peer })
      const outcome = comparison === undefined ? '' : describeOutcome(comparison)
      const runs = valuesOf(report, metric.id, peer).map(formatNumber).join(' ')
      const summary = summaryOf(report, metric.id, peer)
      const median = summary === undefined ? '' : formatNumber(summary.median)
      return markup`<tr><td>${index === 0 ? capital(metric.title) : ''}</td>
<td>${peer}</td><td>${median}</td><td>${pageUnit(metric.unit)}</td>
<td>${pageText(outcome)}</td><td>${runs}</td></tr>`
    }),
  )
  return markup`<details><summary>All medians and single runs</summary><div class="scroll"><table>
<thead><tr><th>figure</th><th>peer</th><th>median</th><th></th><th>${reference} is</th>
<th>runs, in their order</th></tr></thead><tbody>${rows}</tbody></table></div></details>`
}
