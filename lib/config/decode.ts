// Documents to resolved configuration: decode everything, join includes, drop what `start` and
// `enabled` leave out, check the rest, and tell every problem at once with its file, line and key.

import { clientGaps, proxyGaps, serverGaps, visitorGaps } from './availability.ts'
import { clientKey } from './client.ts'
import { type Document, isRecord, type KeyPath } from './document.ts'
import { unknownKeyHint } from './hints.ts'
import { typeField } from './plugins.ts'
import {
  configError,
  type DecodeOptions,
  MAX_TOLD,
  type Problem,
  Report,
  Site,
} from './problems.ts'
import { checkProxy, isProxyType, proxyTables } from './proxies.ts'
import { decodeTable } from './schema.ts'
import { serverKey } from './server.ts'
import type { ClientConfig, ProxyConfig, ServerConfig, VisitorConfig } from './types.ts'
import { isVisitorType, visitorTables } from './visitors.ts'

/** There are no more ports than this; a longer list comes from a mistaken range. */
const MAX_ENTRIES = 65_536

export type Options = Omit<DecodeOptions, 'hint'>

/** Throws CONFIG_INVALID. */
export function decodeServer(
  document: Document,
  options: Options,
): { config: ServerConfig; warnings: string[] } {
  const report = new Report()
  const hint = unknownKeyHint('server')
  const config = serverKey.decode(document.value, new Site([], report, { ...options, hint }))
  const gaps = serverGaps(config)
  throwProblems(tell(document, [...report.decoding, ...report.checking, ...gaps.errors]))
  const warnings = tell(document, [...report.warnings, ...gaps.warnings])
  return { config, warnings: [...sourced(document), ...warnings] }
}

export interface DecodedClient {
  config: ClientConfig
  proxies: ProxyConfig[]
  visitors: VisitorConfig[]
  warnings: string[]
}

/** One proxy or visitor with what was found in it; `told` makes problems into lines of its file. */
interface Entry<T> {
  readonly config: T
  readonly path: KeyPath
  readonly report: Report
  readonly document: Document
}

/**
 * The first document is the main one; of the others (includes) only proxies and visitors are used.
 * Throws CONFIG_INVALID.
 */
export function decodeClient(documents: readonly Document[], options: Options): DecodedClient {
  const [main] = documents
  if (main === undefined) throw configError(['no configuration'])
  const common = new Report()
  const complete = { ...options, hint: unknownKeyHint('client') }
  const config = clientKey.decode(main.value, new Site([], common, complete))
  const lines: string[] = tell(main, common.decoding)
  const warnings = tell(main, common.warnings)
  const proxies: Entry<ProxyConfig>[] = []
  const visitors: Entry<VisitorConfig>[] = []
  for (const document of documents) {
    warnings.push(...sourced(document))
    if (document !== main) lines.push(...includedCommon(document, complete))
    const found = {
      proxies: decodeEntries(document, 'proxies', complete, decodeProxy),
      visitors: decodeEntries(document, 'visitors', complete, decodeVisitor),
    }
    proxies.push(...found.proxies.entries)
    visitors.push(...found.visitors.entries)
    lines.push(...found.proxies.problems, ...found.visitors.problems)
    for (const { report } of [...found.proxies.entries, ...found.visitors.entries]) {
      lines.push(...tell(document, report.decoding))
      warnings.push(...tell(document, report.warnings))
    }
  }
  lines.push(...duplicates(proxies, 'proxy'), ...duplicates(visitors, 'visitor'))
  const running = {
    proxies: proxies.filter(entry => isRunning(entry.config, config)),
    visitors: visitors.filter(entry => isRunning(entry.config, config)),
  }
  const gaps = clientGaps(config)
  lines.push(...tell(main, [...common.checking, ...gaps.errors]))
  for (const { document, report, config: proxy, path } of running.proxies) {
    lines.push(...tell(document, [...report.checking, ...proxyGaps(proxy, path)]))
  }
  for (const { document, report, config: visitor, path } of running.visitors) {
    lines.push(...tell(document, [...report.checking, ...visitorGaps(visitor, path)]))
  }
  throwProblems(lines)
  return {
    config,
    proxies: running.proxies.map(entry => entry.config),
    visitors: running.visitors.map(entry => entry.config),
    warnings: [...warnings, ...tell(main, gaps.warnings)],
  }
}

/** The common keys of an included file must be readable, and are then ignored. */
function includedCommon(document: Document, options: DecodeOptions): string[] {
  const report = new Report()
  clientKey.decode(document.value, new Site([], report, options))
  const prefix = `load additional config from ${document.source} error: `
  return tell(document, report.decoding).map(line => prefix + line)
}

type Decode<T> = (raw: Readonly<Record<string, unknown>>, type: string, site: Site) => T | undefined

/** The entries of `proxies` or `visitors` whose type is known, and problems with the others. */
function decodeEntries<T>(
  document: Document,
  name: 'proxies' | 'visitors',
  options: DecodeOptions,
  decode: Decode<T>,
): { entries: Entry<T>[]; problems: string[] } {
  const report = new Report()
  const entries: Entry<T>[] = []
  const list = member(document.value, name)
  if (Array.isArray(list) && list.length > MAX_ENTRIES) {
    report.decoding.push({ path: [name], text: `${name}: more than ${MAX_ENTRIES} entries` })
  } else if (Array.isArray(list)) {
    for (const [i, raw] of list.entries()) {
      const own = new Report()
      const site = new Site([name, i], own, options)
      const config = decodeEntry(raw, site, name === 'proxies' ? 'proxy' : 'visitor', decode)
      if (config === undefined) report.decoding.push(...own.decoding)
      else entries.push({ config, path: site.path, report: own, document })
    }
  } else if (list !== undefined && list !== null) {
    const what = `field "${name}": a list is needed, such as [[${name}]] in TOML`
    report.decoding.push({ path: [name], text: what })
  }
  return { entries, problems: tell(document, report.decoding) }
}

function decodeEntry<T>(raw: unknown, site: Site, what: string, decode: Decode<T>): T | undefined {
  if (!isRecord(raw)) {
    site.fail(
      raw === null ? 'type is required' : `cannot unmarshal into a ${what}; a table is needed`,
    )
    return undefined
  }
  const type = typeField(raw) ?? ''
  const config = typeof type === 'string' ? decode(raw, type, site) : undefined
  if (config === undefined) {
    site.at('type').fail(`unknown ${what} type: ${typeof type === 'string' ? type : ''}`)
  }
  return config
}

const decodeProxy: Decode<ProxyConfig> = (raw, type, site) => {
  if (!isProxyType(type)) return undefined
  const proxy = decodeTable<ProxyConfig>(proxyTables[type], raw, site)
  checkProxy(proxy, site)
  return proxy
}

const decodeVisitor: Decode<VisitorConfig> = (raw, type, site) => {
  return isVisitorType(type)
    ? decodeTable<VisitorConfig>(visitorTables[type], raw, site)
    : undefined
}

/**
 * A name may be used once over the main file and its includes; a proxy and a visitor may share one.
 */
function duplicates<T extends { readonly name: string }>(
  entries: readonly Entry<T>[],
  what: 'proxy' | 'visitor',
): string[] {
  const seen = new Set<string>()
  const lines: string[] = []
  for (const { config, path, document } of entries) {
    if (config.name !== '' && seen.has(config.name)) {
      lines.push(...tell(document, [{ path, text: `${what} name [${config.name}] is duplicated` }]))
    }
    seen.add(config.name)
  }
  return lines
}

function isRunning(
  entry: { readonly name: string; readonly enabled: boolean },
  { start }: ClientConfig,
): boolean {
  return entry.enabled && (start.length === 0 || start.includes(entry.name))
}

/** The value of a top-level key, whatever its case. */
export function member(value: unknown, name: string): unknown {
  if (!isRecord(value)) return undefined
  return Object.entries(value).findLast(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}

function sourced(document: Document): string[] {
  return document.warnings.map(text => `${document.source}:${/^\d/.test(text) ? '' : ' '}${text}`)
}

/** `frpc.toml:12: proxies[0] "web": TEXT`, in the order of the file. */
function tell(document: Document, problems: readonly Problem[]): string[] {
  return problems
    .map(({ path, text }) => ({
      line: document.lines.find(path),
      label: label(document, path),
      text,
    }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .map(({ line, label, text }) => {
      return `${place(document.source, line)}${label}${text}`
    })
}

/** `frpc.toml:12: `; nothing for values that come from no file. */
function place(source: string, line: number | undefined): string {
  if (source === '') return ''
  return line === undefined ? `${source}: ` : `${source}:${line}: `
}

function label(document: Document, [kind, index]: KeyPath): string {
  if ((kind !== 'proxies' && kind !== 'visitors') || typeof index !== 'number') return ''
  const list = member(document.value, kind)
  const entry: unknown = Array.isArray(list) ? list[index] : undefined
  const name = member(entry, 'name')
  return `${kind}[${index}]${typeof name === 'string' ? ` ${JSON.stringify(name)}` : ''}: `
}

function throwProblems(lines: readonly string[]): void {
  if (lines.length === 0) return
  const more = lines.length - MAX_TOLD
  throw configError(more > 0 ? [...lines.slice(0, MAX_TOLD), `and ${more} more`] : lines)
}
