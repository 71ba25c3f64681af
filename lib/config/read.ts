// Text to document: tells the formats apart by content, in frp's order (frp-surface.md section 2.1), and renders templates.

import { extname } from 'node:path'
import { errorText } from '../errors.ts'
import { type Document, isRecord, Lines, SyntaxProblem } from './document.ts'
import { type IniSection, parseIni } from './ini.ts'
import { readJson } from './json.ts'
import { configError } from './problems.ts'
import { render } from './template/index.ts'
import { readToml } from './toml.ts'
import { readYaml } from './yaml.ts'

/** No configuration is larger; the readers are linear, so this bounds their time to about a second. */
const MAX_CHARACTERS = 4 * 1024 * 1024

export interface ReadOptions {
  readonly strict: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The sections of a legacy file, rendered; undefined where the text is not INI with [common]. Throws CONFIG_INVALID. */
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
  return { source, ...found, lines: found.lines.map(line => rendered.originOf(line)) }
}

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
  if (extension === '.toml') throw syntaxError(source, [tomlProblem], origin)
  try {
    if (text.trimStart().startsWith('{')) return fromJson(text, strict)
    const { value, lines } = await readYaml(text)
    // Almost any text is a YAML scalar; as a configuration it is more likely broken TOML.
    if (value !== null && !isRecord(value)) {
      throw new SyntaxProblem('yaml: the file is not a table of keys', undefined)
    }
    return { format: 'yaml', value: withoutDotKeys(value), lines, warnings: [] }
  } catch (error) {
    if (error instanceof RangeError) {
      throw syntaxError(source, [new SyntaxProblem('nested too deeply', undefined)], origin)
    }
    if (!(error instanceof SyntaxProblem)) throw error
    const isNamed = extension === '.yaml' || extension === '.yml' || text.trimStart().startsWith('{')
    throw syntaxError(source, isNamed ? [error] : [error, tomlProblem], origin)
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
    if (error instanceof SyntaxProblem) throw syntaxError(source, [error], line => line)
    throw configError([`${source}: ${errorText(error)}`], error)
  }
}

function syntaxError(source: string, problems: readonly SyntaxProblem[], origin: Origin): Error {
  const [first, ...others] = problems
  const line = first?.line === undefined ? '' : `:${origin(first.line)}`
  const also = others.map(problem => `; as TOML: ${problem.message}`).join('')
  return configError([`${source}${line}: ${first?.message ?? ''}${also}`], first)
}

/** A document that was not read from a text. */
export function documentOf(value: unknown, source: string): Document {
  return { source, format: 'toml', value, lines: new Lines(), warnings: [] }
}
