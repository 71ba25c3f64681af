// Collects what a template writes and remembers from which source line each output line came:
// errors found in the rendered text must name the line that the user wrote.

import { TemplateError } from './lexer.ts'

/** A configuration larger than this is a mistake. */
const MAX_CHARACTERS = 4 * 1024 * 1024

export class Output {
  readonly #lineOf: (at: number) => number
  readonly #parts: string[] = []
  /** #origins[n]: the source line where output line n + 1 begins. */
  readonly #origins: number[] = [1]
  /** `LINE: text`. */
  readonly warnings: string[] = []
  #characters = 0

  constructor(lineOf: (at: number) => number) {
    this.#lineOf = lineOf
  }

  /** Text of the source itself: each of its lines is a line of the source. */
  copy(text: string, at: number): void {
    this.#append(text, at, 1)
  }

  /** The value of an action: all its lines belong to the line of the action. */
  write(text: string, at: number): void {
    this.#append(text, at, 0)
  }

  warn(text: string, at: number): void {
    this.warnings.push(`${this.#lineOf(at)}: ${text}`)
  }

  text(): string {
    return this.#parts.join('')
  }

  /** Source line (from 1) of a line of the text. */
  originOf(line: number): number {
    return this.#origins[line - 1] ?? line
  }

  #append(text: string, at: number, step: 0 | 1): void {
    this.#characters += text.length
    if (this.#characters > MAX_CHARACTERS) {
      throw new TemplateError(at, `the rendered text is longer than ${MAX_CHARACTERS} characters`)
    }
    this.#parts.push(text)
    let line = this.#lineOf(at)
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) {
      line += step
      this.#origins.push(line)
    }
  }
}
