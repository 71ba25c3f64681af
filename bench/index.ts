// The face of the bench: `frpc bench` and `npm run bench` come in here with their words, and the
// report goes out as text, JSON and a page.

import { writeFile } from 'node:fs/promises'
import { INTERRUPTED_STATUS, watchInterrupts } from './interrupt.ts'
import { loadNotes, thisMachine } from './machine.ts'
import { planNat, type NatBenchWords, type NatPlan } from './nat/plan.ts'
import { runNat } from './nat/run.ts'
import { checkOutput, listLines, planBench, type BenchPlan, type BenchWords } from './options.ts'
import { htmlReport, jsonReport, ProgressLine, terminalReport, wantsColor } from './report/index.ts'
import type { BenchReport, Metric } from './report/types.ts'
import { labelled } from './results.ts'
import { runSession, type Session } from './session.ts'

export type { BenchWords } from './options.ts'

/**
 * Measures and reports. Resolves to the exit status: 0, or 1 when a run failed, or 130 after
 * Ctrl-C. What is wrong with the words is one line on stderr and status 1; nothing is started then.
 */
export async function runBench(words: BenchWords): Promise<number> {
  let plan: BenchPlan
  try {
    plan = await planBench(words, process.env)
  } catch (error) {
    process.stderr.write(`Error: ${textOf(error)}\n`)
    return 1
  }
  return report(plan, (progress, signal) => measure(plan, progress, signal))
}

/** `npm run bench -- nat`: the same report of another lab (nat/plan.ts). */
export async function runNatBench(
  words: NatBenchWords & Output & Pick<BenchWords, 'command'>,
): Promise<number> {
  let plan: NatPlan
  try {
    plan = planNat(words, process.env)
    checkOutput('--json', words.json)
    checkOutput('--html', words.html)
  } catch (error) {
    process.stderr.write(`Error: ${textOf(error)}\n`)
    return 1
  }
  const { command } = words
  return report(words, (progress, signal) => {
    return runNat({ plan, command, signal, progress: step => progress.show(step) })
  })
}

interface Output {
  readonly json?: string | undefined
  readonly html?: string | undefined
}

async function report(
  output: Output,
  run: (progress: ProgressLine, signal: AbortSignal) => Promise<BenchReport>,
): Promise<number> {
  const interruption = watchInterrupts()
  const progress = new ProgressLine(process.stderr)
  try {
    const report = await run(progress, interruption.signal)
    progress.end()
    await write(report, output)
    if (report.isInterrupted) return INTERRUPTED_STATUS
    return report.failures.length > 0 ? 1 : 0
  } catch (error) {
    process.stderr.write(`Error: ${textOf(error)}\n`)
    return interruption.signal.aborted ? INTERRUPTED_STATUS : 1
  } finally {
    progress.end()
    interruption.stop()
  }
}

/** `--list`. */
export function printBenchList(): void {
  process.stdout.write(`${listLines().join('\n')}\n`)
}

async function measure(
  plan: BenchPlan,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<BenchReport> {
  const date = new Date().toISOString()
  const machine = thisMachine()
  const startedAt = performance.now()
  const notes = plan.place.kind === 'loopback' ? await loadNotes() : []
  const { cases, rounds, budgetMs } = plan
  const session = await runSession({
    cases,
    rounds,
    budgetMs,
    signal,
    progress: step => progress.show(step),
  })
  progress.end()
  return {
    version: 1,
    date,
    command: plan.command,
    machine,
    versions: Object.fromEntries(plan.peers.map(peer => [peer.name, peer.description])),
    reference: plan.peers[0]?.name ?? '',
    place: plan.place,
    rounds: session.rounds,
    measureMs: plan.measureMs,
    elapsedMs: performance.now() - startedAt,
    isInterrupted: signal.aborted,
    notes: [...plan.notes, ...notes, ...session.notes],
    metrics: metricsOf(plan),
    ...figuresOf(session, plan),
  }
}

function figuresOf(
  { results, failures }: Session,
  { goals }: BenchPlan,
): Pick<BenchReport, 'values' | 'series' | 'goals' | 'failures'> {
  return {
    values: results.toJSON(),
    series: results.series,
    goals: goals.flatMap(goal => results.judge(goal) ?? []),
    failures,
  }
}

/** Figures of one scenario stand together, on all links. */
function metricsOf({ cases }: BenchPlan): Metric[] {
  const all = cases.flatMap(({ label, labelText, scenarios }) =>
    scenarios.flatMap(({ metrics }) =>
      metrics.map(metric => ({
        ...metric,
        id: labelled(metric.id, label),
        title: labelText === undefined ? metric.title : `${metric.title}, ${labelText}`,
      })),
    ),
  )
  const order = [...new Set(all.map(({ scenario }) => scenario))]
  return order.flatMap(scenario => all.filter(metric => metric.scenario === scenario))
}

async function write(report: BenchReport, { json, html }: Output): Promise<void> {
  // With the JSON on stdout the table would spoil it.
  const stream = json === '-' ? process.stderr : process.stdout
  stream.write(terminalReport(report, { hasColor: wantsColor(stream, process.env) }))
  if (json === '-') process.stdout.write(jsonReport(report))
  else if (json !== undefined) await writeFile(json, jsonReport(report))
  if (html !== undefined) await writeFile(html, htmlReport(report))
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
