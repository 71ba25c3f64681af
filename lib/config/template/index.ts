// Go's text/template as far as configurations use it (frp-surface.md section 2.5): actions,
// pipelines, variables, if, range, with, comparison and formatting functions, trimming, comments.
// Split: lexer, parser, exec; values and functions beside.

import { execute } from './exec.ts'
import { builtins, rangeFunctions } from './functions.ts'
import { TemplateError, tokenize } from './lexer.ts'
import { Output } from './output.ts'
import { parse } from './parser.ts'
import { Struct, type Value } from './values.ts'

export interface Rendered {
  readonly text: string
  /** The line of the template that gave a line of the text; both count from 1. */
  originOf(line: number): number
  /** `LINE: text`. */
  readonly warnings: readonly string[]
}

export interface RenderOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** parseNumberRange and parseNumberRangePair; INI files do not have them. */
  readonly rangeFunctions: boolean
}

/** Throws Error with a message like Go's: `template: frp:3:12: executing "frp" at <...>: ...`. */
export function render(source: string, options: RenderOptions): Rendered {
  if (!source.includes('{{')) return { text: source, originOf: line => line, warnings: [] }
  const starts = lineStarts(source)
  const output = new Output(at => lineOf(starts, at))
  try {
    const functions = options.rangeFunctions ? new Map([...builtins, ...rangeFunctions]) : builtins
    const body = parse(source, tokenize(source), new Set([...functions.keys(), 'and', 'or']))
    execute(body, templateData(options.env), functions, output)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    const line = lineOf(starts, error.at)
    const column = error.at - (starts[line - 1] ?? 0)
    const place = error.message.startsWith('executing') ? `${line}:${column}` : `${line}`
    throw new Error(`template: frp:${place}: ${error.message}`, { cause: error })
  }
  const { warnings } = output
  return { text: output.text(), originOf: line => output.originOf(line), warnings }
}

function templateData(env: RenderOptions['env']): Value {
  const set = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return new Struct('*config.Values', new Map<string, Value>([['Envs', new Map(set)]]))
}

function lineStarts(source: string): number[] {
  const starts = [0]
  for (let i = source.indexOf('\n'); i !== -1; i = source.indexOf('\n', i + 1)) starts.push(i + 1)
  return starts
}

/** Line number from 1, by binary search. */
function lineOf(starts: readonly number[], at: number): number {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((starts[middle] ?? 0) <= at) low = middle
    else high = middle
  }
  return low + 1
}
