// The legacy INI format as go-ini reads it for frp (frp-surface.md section 2.10): comments on their
// own lines only, quotes around a value are stripped, a trailing backslash continues, a section
// `[a.b]` inherits keys from `[a]`.

import { SyntaxProblem } from './document.ts'

export interface IniOptions {
  /**
   * True while a text of unknown format is tried: stricter (a line without `=` is an error), as frp
   * tries it. False for a
   * text that is INI: such a line is a key with the value `true`.
   */
  readonly isProbe: boolean
  /** Line numbers for messages, where the text was made from another; undefined = unknown. */
  readonly lineOf?: (line: number) => number | undefined
  /** Sections that this text adds to (INI includes). */
  readonly into?: Map<string, IniSection>
}

interface Entry {
  readonly value: string
  readonly line: number | undefined
}

export class IniSection {
  readonly name: string
  readonly line: number | undefined
  readonly #keys = new Map<string, Entry>()
  readonly #siblings: ReadonlyMap<string, IniSection>
  /** What was asked for: the names that mean something in this section. */
  readonly #asked = new Set<string>()
  readonly #askedFamilies = new Set<string>()

  constructor(name: string, line: number | undefined, siblings: ReadonlyMap<string, IniSection>) {
    this.name = name
    this.line = line
    this.#siblings = siblings
  }

  set(key: string, value: string, line: number | undefined): void {
    this.#keys.set(key, { value, line })
  }

  /** The value here or in a section that this one is a child of. */
  get(key: string): string | undefined {
    this.#asked.add(key)
    return this.#find(key)?.value
  }

  /** The value here, not inherited. */
  own(key: string): string | undefined {
    this.#asked.add(key)
    return this.#keys.get(key)?.value
  }

  lineOf(key: string): number | undefined {
    return this.#find(key)?.line
  }

  /** Own keys only, in order. */
  entries(): [key: string, value: string][] {
    return [...this.#keys].map(([key, { value }]) => [key, value])
  }

  /**
   * Own keys that begin with the prefix, without it: the families meta_, header_, plugin_ ... are
   * not inherited.
   */
  family(prefix: string): [key: string, value: string][] {
    this.#askedFamilies.add(prefix)
    const members = this.entries().filter(([key]) => key.startsWith(prefix))
    return members.map(([key, value]) => [key.slice(prefix.length), value])
  }

  /** Own keys that nobody has asked for, once all of the section was read. */
  unread(): string[] {
    const families = [...this.#askedFamilies]
    return [...this.#keys.keys()].filter(key => {
      return !this.#asked.has(key) && !families.some(prefix => key.startsWith(prefix))
    })
  }

  /** The names that were asked for. */
  get asked(): string[] {
    return [...this.#asked]
  }

  /** A section with the own keys of this one under another name. */
  copy(name: string): IniSection {
    const copy = new IniSection(name, this.line, this.#siblings)
    for (const [key, { value, line }] of this.#keys) copy.set(key, value, line)
    return copy
  }

  #find(key: string): Entry | undefined {
    const own = this.#keys.get(key)
    if (own !== undefined) return own
    for (let name = this.name; name.includes('.');) {
      name = name.slice(0, name.lastIndexOf('.'))
      const parent = this.#siblings.get(name)
      if (parent !== undefined) return parent.#find(key)
    }
    return undefined
  }
}

/**
 * Sections by name, in order; keys before the first header are in `DEFAULT`. Throws SyntaxProblem.
 */
export function parseIni(text: string, options: IniOptions): Map<string, IniSection> {
  const { isProbe, lineOf = same, into: sections = new Map<string, IniSection>() } = options
  let section = sectionOf(sections, 'DEFAULT', 1)
  const lines = text.replace(/^\ufeff/, '').split('\n')
  for (let i = 0; i < lines.length; i++) {
    const number = lineOf(i + 1)
    const line = (lines[i] ?? '').trimStart()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    if (line.startsWith('[')) {
      const close = line.lastIndexOf(']')
      if (close === -1) throw new SyntaxProblem(`unclosed section: ${line.trim()}`, number)
      if (close === 1) throw new SyntaxProblem('empty section name', number)
      section = sectionOf(sections, line.slice(1, close), number)
      continue
    }
    const { key, rest } = splitKey(line, number)
    if (rest === undefined && isProbe) {
      throw new SyntaxProblem(`key-value delimiter not found: ${line.trim()}`, number)
    }
    const read = readValue({ text: rest ?? line, lines, at: i, isProbe })
    i = read.last
    if (rest === undefined) section.set(read.value, 'true', number)
    else section.set(key, read.value, number)
  }
  return sections
}

function same(line: number): number {
  return line
}

function sectionOf(
  sections: Map<string, IniSection>,
  name: string,
  line: number | undefined,
): IniSection {
  const known = sections.get(name)
  if (known !== undefined) return known
  const section = new IniSection(name, line, sections)
  sections.set(name, section)
  return section
}

/** `rest` is undefined where the line has no delimiter. */
function splitKey(line: string, number: number | undefined): { key: string; rest?: string } {
  const quote = /^(?:"""(?=.{4})|"|`)/.exec(line)?.[0]
  if (quote !== undefined) {
    const end = line.indexOf(quote, quote.length)
    if (end === -1) throw new SyntaxProblem(`missing closing key quote: ${line.trim()}`, number)
    const delimiter = line.slice(end + quote.length).search(/[=:]/)
    if (delimiter === -1) return { key: '' }
    const key = line.slice(quote.length, end).trim()
    return { key, rest: line.slice(end + quote.length + delimiter + 1) }
  }
  const at = line.search(/[=:]/)
  if (at === -1) return { key: '' }
  if (at === 0) throw new SyntaxProblem(`empty key name: ${line.trim()}`, number)
  return { key: line.slice(0, at).trim(), rest: line.slice(at + 1) }
}

/** The value that begins on line `at`, and the last line it takes. */
function readValue({
  text,
  lines,
  at,
  isProbe,
}: {
  readonly text: string
  readonly lines: readonly string[]
  readonly at: number
  readonly isProbe: boolean
}): { value: string; last: number } {
  const start = text.trimStart()
  const quote = /^(?:"""|`)/.exec(start)?.[0]
  if (quote !== undefined && start.trimEnd() !== quote.slice(0, 2)) {
    return readBlock(start.slice(quote.length), quote, lines, at)
  }
  let value = start.trimEnd()
  let last = at
  if (value.endsWith('\\')) {
    const pieces: string[] = []
    while (value.endsWith('\\')) {
      pieces.push(value.slice(0, -1))
      value = (lines[++last] ?? '').trim()
    }
    return { value: pieces.join('') + value, last }
  }
  if (isProbe) value = value.replace(/[#;].*$/s, '').trimEnd()
  return { value: stripQuotes(value), last }
}

/** A value between triple quotes or backticks may run over several lines. */
function readBlock(
  start: string,
  quote: string,
  lines: readonly string[],
  at: number,
): { value: string; last: number } {
  const end = start.lastIndexOf(quote)
  if (end !== -1) return { value: start.slice(0, end), last: at }
  const pieces = [start]
  for (let last = at + 1; last < lines.length; last++) {
    const line = lines[last] ?? ''
    const close = line.lastIndexOf(quote)
    if (close !== -1) {
      pieces.push(line.slice(0, close))
      return { value: pieces.join('\n'), last }
    }
    pieces.push(line)
  }
  throw new SyntaxProblem(`missing closing quote: ${quote}`, at + 1)
}

/** Only where the same quote stands nowhere else in the value. */
function stripQuotes(value: string): string {
  const quote = value[0]
  if (value.length < 2 || (quote !== '"' && quote !== "'")) return value
  return value.indexOf(quote, 1) === value.length - 1 ? value.slice(1, -1) : value
}
