// TOML: values by smol-toml, lines of keys by a scanner of our own (the package gives positions of
// errors only).

import { parse, TomlDate, TomlError } from 'smol-toml'
import { type KeyPath, Lines, OddNumber, SyntaxProblem } from './document.ts'

/** Throws SyntaxProblem with `toml: line R, column C: ...`. */
export function readToml(text: string): { value: unknown; lines: Lines } {
  let table: unknown
  try {
    table = plain(parse(text, { integersAsBigInt: 'asNeeded', maxDepth: 100 }))
  } catch (error) {
    if (error instanceof TomlError) {
      throw new SyntaxProblem(`toml: ${tomlText(error, text)}`, error.line)
    }
    if (error instanceof RangeError) throw new SyntaxProblem('toml: nested too deeply', undefined)
    throw error
  }
  return { value: table, lines: new KeyScanner(text).scan() }
}

/** Names the key of the line, never its value, which may be a secret. */
function tomlText(error: TomlError, text: string): string {
  const key = /^\s*([\w."-]+)\s*=/.exec(text.split('\n')[error.line - 1] ?? '')?.[1]
  const [reason = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n')
  if (key !== undefined && reason.includes('already defined'))
    return `key ${key} is already defined`
  const at = key === undefined ? '' : ` (at ${key})`
  return `line ${error.line}, column ${error.column}: ${reason}${at}`
}

/** Big integers and dates become what the schema knows. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return new OddNumber(String(value))
  if (value instanceof TomlDate) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

const BARE_KEY = /[A-Za-z0-9_-]+/y
const BLANK = /(?:[ \t\r\n]+|#[^\n]*)+/y
const SCALAR = /[^\s,\]}#]+(?: \d\d:[^\s,\]}#]*)?/y
const MULTILINE = /"""[^"\\]*(?:(?:\\[^]|"{1,2}(?!"))[^"\\]*)*"{3,5}|'''[^]*?'{3,5}/y
const QUOTED = /"[^"\\\n]*(?:\\[^][^"\\\n]*)*"|'[^'\n]*'/y

/** Walks a text that is known to be valid TOML, and notes the line of every key. */
class KeyScanner {
  readonly #text: string
  readonly #lines = new Lines()
  /** How many times each [[table]] has been opened. */
  readonly #counts = new Map<string, number>()
  #at = 0
  #line = 1
  #counted = 0

  constructor(text: string) {
    this.#text = text
  }

  scan(): Lines {
    let table: KeyPath = []
    for (;;) {
      this.#take(BLANK)
      if (this.#at >= this.#text.length) return this.#lines
      const before = this.#at
      if (this.#text[this.#at] === '[') table = this.#header()
      else this.#pair(table)
      if (this.#at === before) return this.#lines // cannot happen in valid TOML
    }
  }

  #header(): KeyPath {
    const isList = this.#text.startsWith('[[', this.#at)
    this.#at += isList ? 2 : 1
    const key = this.#key()
    let path: KeyPath = []
    for (const [i, part] of key.entries()) {
      path = [...path, part]
      const count = this.#counts.get(path.join('\0'))
      if (i < key.length - 1 && count !== undefined) path = [...path, count - 1]
    }
    if (isList) {
      const name = path.join('\0')
      const count = this.#counts.get(name) ?? 0
      this.#counts.set(name, count + 1)
      if (count === 0) this.#mark(path)
      path = [...path, count]
    }
    this.#mark(path)
    while (this.#text[this.#at] === ']') this.#at++
    return path
  }

  #pair(table: KeyPath): void {
    const start = this.#at
    const path = [...table, ...this.#key()]
    this.#markAt(path, start)
    for (let length = table.length + 1; length < path.length; length++) {
      const parent = path.slice(0, length)
      if (this.#lines.find(parent) === this.#lines.find(table)) this.#markAt(parent, start)
    }
    this.#take(BLANK)
    if (this.#text[this.#at] !== '=') return
    this.#at++
    this.#value(path)
  }

  #value(path: KeyPath): void {
    this.#take(BLANK)
    const char = this.#text[this.#at]
    if (char === '[') this.#items(path, ']')
    else if (char === '{') this.#items(path, '}')
    else this.#take(MULTILINE) || this.#take(QUOTED) || this.#take(SCALAR)
  }

  /** The elements of an array or the pairs of an inline table. */
  #items(path: KeyPath, close: ']' | '}'): void {
    this.#at++
    for (let i = 0; ; i++) {
      this.#take(BLANK)
      if (this.#text[this.#at] === close) break
      const before = this.#at
      if (close === '}') {
        this.#pair(path)
      } else {
        this.#mark([...path, i])
        this.#value([...path, i])
      }
      this.#take(BLANK)
      if (this.#text[this.#at] === ',') this.#at++
      if (this.#at === before) return // cannot happen in valid TOML
    }
    this.#at++
  }

  #key(): string[] {
    const parts: string[] = []
    for (;;) {
      this.#take(BLANK)
      const quoted = this.#take(QUOTED)
      parts.push(quoted === '' ? this.#take(BARE_KEY) : unquote(quoted))
      this.#take(BLANK)
      if (this.#text[this.#at] !== '.') return parts
      this.#at++
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const text = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += text.length
    return text
  }

  #mark(path: KeyPath): void {
    this.#markAt(path, this.#at)
  }

  /** Positions only grow, so lines are counted once. */
  #markAt(path: KeyPath, at: number): void {
    for (;;) {
      const newline = this.#text.indexOf('\n', this.#counted)
      if (newline === -1 || newline >= at) break
      this.#line++
      this.#counted = newline + 1
    }
    this.#lines.set(path, this.#line)
  }
}

function unquote(quoted: string): string {
  const inside = quoted.slice(1, -1)
  if (quoted.startsWith("'") || !inside.includes('\\')) return inside
  try {
    const value: unknown = JSON.parse(quoted)
    return typeof value === 'string' ? value : inside
  } catch {
    return inside // an escape that JSON lacks (\U): the line of this key stays unknown
  }
}
