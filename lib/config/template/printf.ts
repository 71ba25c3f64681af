// The verbs of Go's fmt.Printf that configurations use: %v %s %d %q %t %x %X %o %b %c %e %f %g %%,
// with flags, width, precision.

import { isList, isMap, print, Struct, typeName, type Value } from './values.ts'

/** A width or precision past this is refused: it would only make padding. */
const MAX_WIDTH = 1000
const VERB = /%([-+# 0]*)(\d*)(?:\.(\d*))?(.)/gsu

export function printf(format: string, values: readonly Value[]): string {
  let next = 0
  const text = format.replace(
    VERB,
    (whole, flags: string, width: string, precision?: string, verb?: string) => {
      if (verb === '%') return '%'
      if (Number(width) > MAX_WIDTH || Number(precision ?? 0) > MAX_WIDTH)
        return `%!(BADWIDTH)${whole}`
      if (next >= values.length) return `%!${verb}(MISSING)`
      const value = values[next++]
      const shown = show(
        verb ?? 'v',
        value,
        precision === undefined ? undefined : Number(precision),
        flags,
      )
      return pad(shown, Number(width), flags, typeof value === 'number')
    },
  )
  const extra = values.slice(next).map(value => `${typeName(value)}=${print(value)}`)
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`
}

function show(verb: string, value: Value, precision: number | undefined, flags: string): string {
  if (isList(value)) return `[${value.map(item => show(verb, item, precision, flags)).join(' ')}]`
  if (verb === 'v' || isMap(value) || value instanceof Struct) return print(value)
  if (typeof value === 'number') return showNumber(verb, value, precision, flags)
  if (typeof value === 'string') {
    if (verb === 's')
      return precision === undefined ? value : [...value].slice(0, precision).join('')
    if (verb === 'q') return JSON.stringify(value)
    if (verb === 'x') return Buffer.from(value).toString('hex')
    if (verb === 'X') return Buffer.from(value).toString('hex').toUpperCase()
  }
  if (typeof value === 'boolean' && verb === 't') return String(value)
  return `%!${verb}(${value === undefined ? '<nil>' : `${typeName(value)}=${print(value)}`})`
}

function showNumber(
  verb: string,
  value: number,
  precision: number | undefined,
  flags: string,
): string {
  const sign = value >= 0 && flags.includes('+') ? '+' : ''
  const radix = { d: 10, x: 16, X: 16, o: 8, b: 2 }[verb]
  if (radix !== undefined && Number.isInteger(value)) {
    const text = value.toString(radix)
    return sign + (verb === 'X' ? text.toUpperCase() : text)
  }
  if (verb === 'c' && Number.isInteger(value) && value >= 0 && value <= 0x10ffff) {
    return String.fromCodePoint(value)
  }
  if (!Number.isInteger(value)) {
    if (verb === 'f') return sign + value.toFixed(Math.min(precision ?? 6, 100))
    if (verb === 'e') return sign + value.toExponential(Math.min(precision ?? 6, 100))
    if (verb === 'g') return sign + String(value)
  }
  return `%!${verb}(${typeName(value)}=${print(value)})`
}

function pad(text: string, width: number, flags: string, isNumber: boolean): string {
  const missing = width - [...text].length
  if (missing <= 0) return text
  if (flags.includes('-')) return text + ' '.repeat(missing)
  if (!flags.includes('0') || !isNumber) return ' '.repeat(missing) + text
  const signed = /^[+-]/.test(text) ? 1 : 0
  return text.slice(0, signed) + '0'.repeat(missing) + text.slice(signed)
}
