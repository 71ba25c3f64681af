// What the readers of the four formats hand to the schema: plain values, and the line of each key.

export type KeyPath = readonly (string | number)[]

export interface Document {
  /** File name as it stands in messages. */
  readonly source: string
  readonly format: 'toml' | 'yaml' | 'json' | 'ini'
  /** Objects, arrays, strings, numbers, booleans, null, OddNumber; undefined for an empty file. */
  readonly value: unknown
  readonly lines: Lines
  readonly warnings: string[]
}

/** A number that cannot be an int for this format: `7000.0` in JSON, anything past 2^53. */
export class OddNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A text that is not TOML (YAML, JSON, INI). `line` counts from 1. */
export class SyntaxProblem extends Error {
  readonly line: number | undefined

  constructor(message: string, line: number | undefined) {
    super(message)
    this.line = line
  }
}

/** Line of each key path, as far as known. */
export class Lines {
  readonly #lines = new Map<string, number>()

  set(path: KeyPath, line: number): void {
    this.#lines.set(path.join('\0'), line)
  }

  entries(): [path: KeyPath, line: number][] {
    return [...this.#lines].map(([path, line]) => [path.split('\0'), line])
  }

  /** The line of the path, or of its nearest parent. */
  find(path: KeyPath): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(path.slice(0, length).join('\0'))
      if (line !== undefined) return line
    }
    return undefined
  }

  /** The same paths with other lines: from the rendered text back to the template. */
  map(origin: (line: number) => number): Lines {
    const mapped = new Lines()
    for (const [path, line] of this.#lines) mapped.#lines.set(path, origin(line))
    return mapped
  }
}

/** Plain object check for values that came from a parser. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
