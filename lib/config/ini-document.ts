// The legacy INI format's sections as the object that a TOML file would have held (frp-surface.md
// section 2.10). Here are the rules that go beyond single keys: roles, types, `range:` sections,
// server plugins, what `start` leaves out.

import { errorText } from '../errors.ts'
import { clientTable } from './client.ts'
import { type Document, type KeyPath, Lines, SyntaxProblem } from './document.ts'
import type { IniSection } from './ini.ts'
import { fromSection, type IniObject } from './ini-values.ts'
import { nearest } from './nearest.ts'
import { expandNumberRanges } from './number-range.ts'
import { MAX_TOLD } from './problems.ts'
import { isProxyType, proxyTables } from './proxies.ts'
import { commaList } from './schema.ts'
import { httpPluginTable, serverTable } from './server.ts'
import { isVisitorType, visitorTables } from './visitors.ts'

/** There are no more ports than this. */
const MAX_SECTIONS = 65_536

/** Stands in most old files and means nothing any more, in frp neither. */
const WITHOUT_EFFECT = 'log_way'

type Sections = ReadonlyMap<string, IniSection>

/** Throws SyntaxProblem. */
export function serverFromIni(sections: Sections, source: string): Document {
  const common = fromSection(serverTable, commonOf(sections))
  const plugins = [...sections.values()].filter(({ name }) => name.startsWith('plugin.'))
  const httpPlugins = plugins.map(section => ({
    ...fromSection(httpPluginTable, section).value,
    name: section.name.slice('plugin.'.length).trim(),
  }))
  const { lines } = common
  const warnings = [...common.warnings, ...unknownKeys([commonOf(sections), ...plugins])]
  return { source, format: 'ini', value: { ...common.value, httpPlugins }, lines, warnings }
}

/** The paths of `includes`, which are read before the sections are interpreted. */
export function includesOf(sections: Sections): string[] {
  return commaList(commonOf(sections).get('includes') ?? '')
}

/** Throws SyntaxProblem. */
export function clientFromIni(sections: Sections, source: string): Document {
  const { value: common, lines, warnings } = fromSection(clientTable, commonOf(sections))
  const start = new Set(commaList(commonOf(sections).get('start') ?? ''))
  const proxies: unknown[] = []
  const visitors: unknown[] = []
  const read = [commonOf(sections)]
  for (const section of expandRanges(sections)) {
    const { name } = section
    if (name === 'DEFAULT' || name === 'common' || name.startsWith('range:')) continue
    if (start.size > 0 && !start.has(name)) continue
    const isVisitor = isVisitorSection(section)
    const entry = isVisitor ? visitorFromSection(section) : proxyFromSection(section)
    const list = isVisitor ? visitors : proxies
    const path = [isVisitor ? 'visitors' : 'proxies', list.length]
    if (section.line !== undefined) lines.set(path, section.line)
    copyLines(entry, path, lines)
    list.push(entry.value)
    warnings.push(...entry.warnings)
    read.push(section)
  }
  warnings.push(...unknownKeys(read))
  return { source, format: 'ini', value: { ...common, proxies, visitors }, lines, warnings }
}

/** frp ignores them without a word; a misspelt key deserves one. Each line is told once. */
function unknownKeys(sections: readonly IniSection[]): string[] {
  const told = new Map<string, string>()
  for (const section of sections) {
    for (const key of section.unread()) {
      if (told.size >= MAX_TOLD) return [...told.values()]
      const line = section.lineOf(key)
      const place = `${line ?? section.name}: `
      // The members of a range repeat its keys.
      if (key === WITHOUT_EFFECT || told.has(place + key)) continue
      const meant = nearest(key, section.asked)
      const advice = meant === undefined ? '' : `; did you mean "${meant}"?`
      const where = line === undefined ? '' : place
      told.set(place + key, `${where}[${section.name}] unknown key "${key}"${advice} (ignored)`)
    }
  }
  return [...told.values()]
}

function commonOf(sections: Sections): IniSection {
  const common = sections.get('common')
  if (common === undefined) {
    throw new SyntaxProblem('invalid configuration file, not found [common] section', undefined)
  }
  return common
}

function isVisitorSection(section: IniSection): boolean {
  const role = section.get('role') ?? ''
  if (role === 'visitor') return true
  if (role === '' || role === 'server') return false
  throw new SyntaxProblem(
    `proxy ${section.name} role should be 'server' or 'visitor'`,
    section.lineOf('role'),
  )
}

function proxyFromSection(section: IniSection): IniObject {
  const type = section.get('type') || 'tcp'
  if (!isProxyType(type)) {
    throw new SyntaxProblem(
      `failed to parse proxy ${section.name}, err: invalid type [${type}]`,
      section.lineOf('type'),
    )
  }
  const { value, lines, warnings } = fromSection(proxyTables[type], section)
  return { value: { ...value, name: section.name, type }, lines, warnings }
}

function visitorFromSection(section: IniSection): IniObject {
  const type = section.get('type') ?? ''
  if (!isVisitorType(type)) {
    const reason = type === '' ? "type shouldn't be empty" : `type [${type}] error`
    throw new SyntaxProblem(
      `failed to parse visitor ${section.name}, err: ${reason}`,
      section.lineOf('type') ?? section.line,
    )
  }
  const { value, lines, warnings } = fromSection(visitorTables[type], section)
  return { value: { ...value, name: section.name, type }, lines, warnings }
}

/**
 * `[range:ssh]` with three ports becomes ssh_0, ssh_1 and ssh_2; a section of that name keeps its
 * own other keys.
 */
function expandRanges(sections: Sections): IniSection[] {
  const all = new Map(sections)
  for (const section of sections.values()) {
    if (!section.name.startsWith('range:')) continue
    const name = section.name.slice('range:'.length).trim()
    if (all.size > MAX_SECTIONS) {
      throw new SyntaxProblem(`more than ${MAX_SECTIONS} proxies`, section.line)
    }
    for (const [i, [local, remote]] of portPairs(section).entries()) {
      const member = all.get(`${name}_${i}`) ?? section.copy(`${name}_${i}`)
      for (const [key, value] of section.entries()) member.set(key, value, section.lineOf(key))
      member.set('local_port', String(local), section.lineOf('local_port'))
      member.set('remote_port', String(remote), section.lineOf('remote_port'))
      all.set(member.name, member)
    }
  }
  return [...all.values()]
}

function portPairs(section: IniSection): [number, number][] {
  const fail = (reason: string): never => {
    const text = `failed to render template for proxy ${section.name}: ${reason}`
    throw new SyntaxProblem(text, section.line)
  }
  const numbers = (written: string): number[] => {
    try {
      return expandNumberRanges(written)
    } catch (error) {
      return fail(errorText(error))
    }
  }
  const localText = section.get('local_port') ?? ''
  const remoteText = section.get('remote_port') ?? ''
  if (localText === '' || remoteText === '') return fail('local_port or remote_port is empty')
  const local = numbers(localText)
  const remote = numbers(remoteText)
  if (local.length !== remote.length) {
    return fail('local ports number should be same with remote ports number')
  }
  return local.map((port, i) => [port, remote[i] ?? 0])
}

function copyLines(entry: IniObject, path: KeyPath, lines: Lines): void {
  for (const [inner, line] of entry.lines.entries()) lines.set([...path, ...inner], line)
}
