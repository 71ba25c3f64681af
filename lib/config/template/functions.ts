// The functions a template may call. `and` and `or` are not here: they do not evaluate all their
// arguments (see exec.ts).

import { expandNumberRanges } from '../number-range.ts'
import { printf } from './printf.ts'
import { isList, isMap, isTrue, print, Struct, typeName, type Value } from './values.ts'

export interface TemplateFunction {
  readonly least: number
  readonly most: number
  /** Throws Error with a text for people. */
  readonly call: (values: readonly Value[]) => Value
}

/** What Go's text/template has, as far as configurations need it. */
export const builtins: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['not', { least: 1, most: 1, call: ([value]) => !isTrue(value) }],
  [
    'eq',
    {
      least: 2,
      most: Infinity,
      call: ([first, ...rest]) => rest.some(value => equal(first, value)),
    },
  ],
  ['ne', { least: 2, most: 2, call: ([a, b]) => !equal(a, b) }],
  ['lt', { least: 2, most: 2, call: ([a, b]) => order(a, b) < 0 }],
  ['le', { least: 2, most: 2, call: ([a, b]) => order(a, b) <= 0 }],
  ['gt', { least: 2, most: 2, call: ([a, b]) => order(a, b) > 0 }],
  ['ge', { least: 2, most: 2, call: ([a, b]) => order(a, b) >= 0 }],
  ['len', { least: 1, most: 1, call: ([value]) => length(value) }],
  ['index', { least: 1, most: Infinity, call: ([of, ...at]) => at.reduce(index, of) }],
  ['slice', { least: 1, most: 3, call: ([of, ...at]) => slice(of, at) }],
  ['print', { least: 0, most: Infinity, call: joinAsPrint }],
  ['println', { least: 0, most: Infinity, call: values => values.map(print).join(' ') + '\n' }],
  [
    'printf',
    { least: 1, most: Infinity, call: ([format, ...rest]) => printf(textOf(format), rest) },
  ],
])

/** frp's own two; not in INI files. */
export const rangeFunctions: ReadonlyMap<string, TemplateFunction> = new Map<
  string,
  TemplateFunction
>([
  ['parseNumberRange', { least: 1, most: 1, call: ([text]) => expandNumberRanges(textOf(text)) }],
  ['parseNumberRangePair', { least: 2, most: 2, call: ([first, second]) => pairs(first, second) }],
])

function pairs(firstText: Value, secondText: Value): Value {
  const first = expandNumberRanges(textOf(firstText))
  const second = expandNumberRanges(textOf(secondText))
  if (first.length !== second.length)
    throw new Error('first and second range numbers are not in pairs')
  return first.map(
    (number, i) =>
      new Struct(
        'config.NumberPair',
        new Map<string, Value>([
          ['First', number],
          ['Second', second[i]],
        ]),
      ),
  )
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value
  throw new Error(`expected string; found ${print(value)}`)
}

function equal(a: Value, b: Value): boolean {
  if (typeof a === 'object' || typeof b === 'object') throw new Error('non-comparable type')
  if (a !== undefined && b !== undefined && typeof a !== typeof b) {
    throw new Error('incompatible types for comparison')
  }
  return a === b
}

function order(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  const ordered = [a, b].every(value => typeof value === 'number' || typeof value === 'string')
  throw new Error(ordered ? 'incompatible types for comparison' : 'invalid type for comparison')
}

function length(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (isList(value)) return value.length
  if (isMap(value)) return value.size
  throw new Error(`len of type ${typeName(value)}`)
}

function index(of: Value, at: Value): Value {
  if (isMap(of)) return of.get(textOf(at)) ?? ''
  const items: Value = typeof of === 'string' ? [...Buffer.from(of)] : of
  if (!isList(items)) throw new Error(`can't index item of type ${typeName(of)}`)
  return items[position(at, items.length - 1)]
}

function slice(of: Value, at: readonly Value[]): Value {
  if (typeof of !== 'string' && !isList(of))
    throw new Error(`can't slice item of type ${typeName(of)}`)
  const size = length(of)
  const end = at[1] === undefined ? size : position(at[1], size)
  const start = at[0] === undefined ? 0 : position(at[0], size)
  if (start > end) throw new Error(`invalid slice index: ${start} > ${end}`)
  return isList(of) ? of.slice(start, end) : Buffer.from(of).subarray(start, end).toString()
}

function position(value: Value, last: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new Error(`cannot index slice/array with type ${typeName(value)}`)
  }
  if (value < 0 || value > last) throw new Error(`index out of range: ${value}`)
  return value
}

/** As fmt.Sprint: a space between two operands when neither is a string. */
function joinAsPrint(values: readonly Value[]): string {
  let text = ''
  let before: Value = ''
  for (const [i, value] of values.entries()) {
    if (i > 0 && typeof before !== 'string' && typeof value !== 'string') text += ' '
    text += print(value)
    before = value
  }
  return text
}
