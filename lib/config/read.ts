// Text to document: tells the formats apart by content, in frp's order (frp-surface.md section
// 2.1), and renders templates.

import { extname } from 'node:path'
import { errorText, type TunnelError } from '../errors.ts'
import { type Document, isRecord, Lines, SyntaxProblem } from './document.ts'
import { type IniSection, parseIni } from './ini.ts'
import { readJson } from './json.ts'
import { configError } from './problems.ts'
import { render } from './template/index.ts'
import { readToml } from './toml.ts'
import { readYaml } from './yaml.ts'

/**
 * No configuration is larger; the readers are linear, so this bounds their time to about a second.
 */
const MAX_CHARACTERS = 4 * 1024 * 1024

export interface ReadOptions {
  readonly strict: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * The sections of a legacy file, rendered; undefined where the text is not INI with [common].
 * Throws CONFIG_INVALID.
 */
export function readIni(
  text: string,
  source: string,
  { env }: ReadOptions,
): Map<string, IniSection> | undefined {
  checkSize(text, source)
  if (!isIni(text)) return undefined
  return guarded(source, () => {
    const rendered = render(text, { env, rangeFunctions: false })
    return parseIni(rendered.text, { isProbe: false, lineOf: line => rendered.originOf(line) })
  })
}

function isIni(text: string): boolean {
  if (!text.includes('[common]')) return false
  try {
    return parseIni(text, { isProbe: true }).has('common')
  } catch {
    return false // not INI: the other formats are tried and report what is wrong
  }
}

/** TOML, JSON or YAML. Rejects with CONFIG_INVALID. */
export async function readDocument(
  written: string,
  source: string,
  { strict, env }: ReadOptions,
): Promise<Document> {
  checkSize(written, source)
  const rendered = guarded(source, () => {
    return render(written.replace(/^\ufeff/, ''), { env, rangeFunctions: true })
  })
  const { text } = rendered
  const found = await recognize(text, source, strict, line => rendered.originOf(line))
  const lines = found.lines.map(line => rendered.originOf(line))
  return { source, ...found, lines, warnings: [...rendered.warnings, ...found.warnings] }
}

/** A file that is neither TOML nor YAML is told as broken TOML where it has a line like this. */
const ASSIGNMENT = /^[ \t]*[\w."-]+[ \t]*=/m

type Found = Omit<Document, 'source'>
type Origin = (line: number) => number

async function recognize(
  text: string,
  source: string,
  strict: boolean,
  origin: Origin,
): Promise<Found> {
  let tomlProblem: SyntaxProblem
  try {
    return { format: 'toml', ...readToml(text), warnings: [] }
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    tomlProblem = error
  }
  const extension = extname(source).toLowerCase()
  if (extension === '.toml') throw syntaxError(source, tomlProblem, origin)
  const isJson = text.trimStart().startsWith('{')
  const isNamed = isJson || extension === '.yaml' || extension === '.yml'
  try {
    if (isJson) return fromJson(text, strict)
    const { value, lines } = await readYaml(text)
    if (value === null || isRecord(value)) {
      return { format: 'yaml', value: withoutDotKeys(value), lines, warnings: [] }
    }
    throw new SyntaxProblem('yaml: the file is not a table of keys', undefined)
  } catch (error) {
    if (error instanceof RangeError) {
      throw syntaxError(source, new SyntaxProblem('nested too deeply', undefined), origin)
    }
    if (!(error instanceof SyntaxProblem)) throw error
    throw syntaxError(source, !isNamed && ASSIGNMENT.test(text) ? tomlProblem : error, origin)
  }
}

function fromJson(text: string, strict: boolean): Found {
  const { value, lines, rest } = readJson(text)
  if (rest !== '' && !strict) {
    throw new SyntaxProblem(`invalid character '${rest[0]}' after top-level value`, undefined)
  }
  const warnings = rest === '' ? [] : ['text after the JSON value is ignored']
  return { format: 'json', value, lines, warnings }
}

/** Keys such as `.shared` hold YAML anchors. */
function withoutDotKeys(value: unknown): unknown {
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('.')))
}

function checkSize(text: string, source: string): void {
  if (text.length > MAX_CHARACTERS) {
    throw configError([`${source}: the file is longer than ${MAX_CHARACTERS} characters`])
  }
}

/** Runs a reader; what it throws becomes CONFIG_INVALID with the file's name. */
export function guarded<T>(source: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof SyntaxProblem) throw syntaxError(source, error, line => line)
    throw configError([`${source}: ${errorText(error)}`], error)
  }
}

function syntaxError(source: string, problem: SyntaxProblem, origin: Origin): TunnelError {
  const line = problem.line === undefined ? '' : `:${origin(problem.line)}`
  return configError([`${source}${line}: ${problem.message}`], problem)
}

/** A document that was not read from a text. */
export function documentOf(value: unknown): Document {
  return { source: '', format: 'toml', value, lines: new Lines(), warnings: [] }
}
