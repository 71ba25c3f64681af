// Which figures and plots of a report stand together on its page, and under which question.

import { peersOf } from './comparison.ts'
import type { BenchReport, Metric, Series } from './types.ts'

export interface Section {
  readonly title: string
  /** What was done to get the figures; empty for a scenario that this file does not know. */
  readonly text: string
  readonly topics: readonly Topic[]
}

/** What one scenario found on one link. */
export interface Topic {
  readonly metrics: readonly Metric[]
  /** One list for each plot. */
  readonly plots: readonly (readonly Series[])[]
}

/** By the first word of a scenario's name: `keystroke-loaded` stands with `keystroke`. */
const KNOWN: Readonly<Record<string, { readonly title: string; readonly text: string }>> = {
  bulk: {
    title: 'Throughput',
    text: 'One TCP stream at full speed. Down is towards the user, so over the uplink of frpc.',
  },
  beside: {
    title: 'Beside another flow',
    text: 'One stream through the tunnel, while a TCP flow of the kernel uses the same link.',
  },
  keystroke: {
    title: 'Keystrokes',
    text: '32 bytes there and back, sent at fixed times whether or not the last ones came back.',
  },
  echo: { title: 'Echo', text: '32 bytes there and back, the next as soon as the last came back.' },
  game: { title: 'Game traffic', text: 'UDP packets there and back at a fixed rate.' },
  connect: { title: 'New connections', text: 'From the connect of a user to the first byte.' },
  rebind: {
    title: 'Change of address',
    text: 'The client gets another public address while its connections are open.',
  },
  idle: { title: 'Memory of idle connections', text: 'What a connection costs that does nothing.' },
  pairs: {
    title: 'Pairs of NATs',
    text: 'Every kind of NAT against every other: when the way is direct, and the first byte.',
  },
  cold: { title: 'Just started', text: 'The user comes before anything is known.' },
  lossy: { title: 'Pairs with loss', text: 'The same for ordinary NATs, with 2 % loss each way.' },
  foreign: {
    title: 'A NAT with other users',
    text: 'Ports that others take between two of ours move the next one away.',
  },
  near: { title: 'Near each other', text: 'Machines that need not meet on the internet.' },
  blocked: { title: 'Without UDP', text: 'The relay is all there is, over TCP.' },
  relay: { title: 'The relay alone', text: 'What a user waits for when nothing is direct.' },
  upgrade: { title: 'From relay to direct', text: 'A transfer that begins before the path is there.' },
  cut: { title: 'The path is cut', text: 'Nothing passes between the two; both still reach frps.' },
  change: { title: 'Another address', text: 'Of one side, while the connection is used.' },
  outage: { title: 'frps is gone', text: 'While two machines speak directly.' },
  punched: { title: 'Throughput of a punched path', text: '100 Mbit/s, 120 ms there and back.' },
  peer: { title: 'An idle peer', text: 'What keeps a path open that nobody uses.' },
  stalled: {
    title: 'A reader that stalls',
    text: 'One user stops reading a large download: what piles up, and what others notice.',
  },
}

/** In the order of the report's metrics; a plot that belongs to no figure comes last. */
export function sectionsOf(report: BenchReport): Section[] {
  const sections = new Map<string, Map<string, { metrics: Metric[]; series: Series[] }>>()
  const topicOf = (name: string): { metrics: Metric[]; series: Series[] } => {
    const key = name.split(/[-@]/)[0] ?? name
    const topics = sections.get(key) ?? new Map<string, { metrics: Metric[]; series: Series[] }>()
    sections.set(key, topics)
    const topic = topics.get(name) ?? { metrics: [], series: [] }
    topics.set(name, topic)
    return topic
  }
  const topicOfMetric = ({ id, scenario }: Metric): string => `${scenario}${labelOf(id)}`
  for (const metric of report.metrics) {
    if (peersOf(report, metric.id).length > 0) topicOf(topicOfMetric(metric)).metrics.push(metric)
  }
  for (const series of report.series) {
    const metric = report.metrics.find(({ id }) => id === series.id)
    topicOf(metric === undefined ? series.id : topicOfMetric(metric)).series.push(series)
  }
  return [...sections].map(([key, topics]) => ({
    title: KNOWN[key]?.title ?? key,
    text: KNOWN[key]?.text ?? '',
    topics: [...topics.values()].map(({ metrics, series }) => {
      return { metrics, plots: byPlot(report, series) }
    }),
  }))
}

/** The link that a suite measured a figure on: `@loss-1` of `bulk-down@loss-1`. */
function labelOf(id: string): string {
  const at = id.indexOf('@')
  return at < 0 ? '' : id.slice(at)
}

/** Series of one plot share kind and id; peers come in the order of the report. */
function byPlot(report: BenchReport, series: readonly Series[]): Series[][] {
  const order = Object.keys(report.versions)
  const plots = new Map<string, Series[]>()
  for (const one of series) {
    const key = `${one.kind} ${one.id}`
    const plot = plots.get(key) ?? []
    plot.push(one)
    plots.set(key, plot)
  }
  return [...plots.values()].map(plot => {
    return plot.sort((a, b) => order.indexOf(a.peer) - order.indexOf(b.peer) || a.round - b.round)
  })
}
