// JSON with the line of each key. Our own parser, since JSON.parse forgets positions and how a
// number was written: Go refuses 7000.0 where an int is wanted. Duplicate keys: the last one
// counts, as in Go.

import { type KeyPath, Lines, OddNumber, SyntaxProblem } from './document.ts'

const MAX_DEPTH = 100
const BLANK = /[ \t\r\n]+/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y
const WORD = /true|false|null/y

export interface JsonText {
  readonly value: unknown
  readonly lines: Lines
  /** What stands after the value. */
  readonly rest: string
}

/** Throws SyntaxProblem. */
export function readJson(text: string): JsonText {
  const reader = new Reader(text)
  const value = reader.value([])
  return { value, lines: reader.lines, rest: reader.rest() }
}

class Reader {
  readonly lines: Lines = new Lines()
  readonly #text: string
  #at = 0
  #line = 1
  #counted = 0

  constructor(text: string) {
    this.#text = text
  }

  value(path: KeyPath): unknown {
    if (path.length > MAX_DEPTH) throw this.#problem('exceeded max depth')
    this.#take(BLANK)
    const char = this.#text[this.#at]
    if (char === '{') return this.#object(path)
    if (char === '[') return this.#array(path)
    if (char === '"') return this.#string()
    const word = this.#take(WORD)
    if (word !== '') return word === 'null' ? null : word === 'true'
    const number = this.#take(NUMBER)
    if (number === '') throw this.#unexpected('looking for beginning of value')
    const integer = /^-?\d+$/.test(number) ? Number(number) : NaN
    return Number.isSafeInteger(integer) ? integer : new OddNumber(number)
  }

  rest(): string {
    return this.#text.slice(this.#at).trim()
  }

  #object(path: KeyPath): unknown {
    const entries: [string, unknown][] = []
    this.#at++
    this.#take(BLANK)
    if (this.#accept('}')) return {}
    for (;;) {
      this.#take(BLANK)
      if (this.#text[this.#at] !== '"') {
        throw this.#unexpected('looking for beginning of object key string')
      }
      const line = this.#lineHere()
      const key = this.#string()
      this.lines.set([...path, key], line)
      this.#take(BLANK)
      if (!this.#accept(':')) throw this.#unexpected('after object key')
      entries.push([key, this.value([...path, key])])
      this.#take(BLANK)
      if (this.#accept('}')) return Object.fromEntries(entries)
      if (!this.#accept(',')) throw this.#unexpected('after object key:value pair')
    }
  }

  #array(path: KeyPath): unknown {
    const items: unknown[] = []
    this.#at++
    this.#take(BLANK)
    if (this.#accept(']')) return items
    for (;;) {
      this.#take(BLANK)
      this.lines.set([...path, items.length], this.#lineHere())
      items.push(this.value([...path, items.length]))
      this.#take(BLANK)
      if (this.#accept(']')) return items
      if (!this.#accept(',')) throw this.#unexpected('after array element')
    }
  }

  #string(): string {
    const quoted = this.#take(STRING)
    if (quoted === '') throw this.#problem('invalid string literal')
    const text: unknown = JSON.parse(quoted)
    return typeof text === 'string' ? text : ''
  }

  #accept(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const text = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += text.length
    return text
  }

  #unexpected(context: string): SyntaxProblem {
    const char = this.#text[this.#at]
    if (char === undefined) return this.#problem('unexpected end of JSON input')
    return this.#problem(`invalid character '${char}' ${context}`)
  }

  #problem(message: string): SyntaxProblem {
    return new SyntaxProblem(message, this.#lineHere())
  }

  #lineHere(): number {
    for (;;) {
      const newline = this.#text.indexOf('\n', this.#counted)
      if (newline === -1 || newline >= this.#at) return this.#line
      this.#line++
      this.#counted = newline + 1
    }
  }
}
