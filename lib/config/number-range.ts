// `6000-6006,6007`: the number ranges of templates, INI `range:` sections and allow_ports
// (frp-surface.md section 2.5).

/** More numbers than there are ports make no sense and would only cost memory. */
const MAX_NUMBERS = 65_536

export interface NumberRange {
  readonly first: number
  readonly last: number
}

/** Throws Error with frp's text. */
export function parseNumberRanges(text: string): NumberRange[] {
  return text.trim().split(',').map(parseOne)
}

/** The numbers one by one. Throws Error with frp's text, also for more than 65,536 numbers. */
export function expandNumberRanges(text: string): number[] {
  const numbers: number[] = []
  for (const { first, last } of parseNumberRanges(text)) {
    if (numbers.length + last - first >= MAX_NUMBERS) {
      throw new Error(`range number is invalid: more than ${MAX_NUMBERS} numbers`)
    }
    for (let number = first; number <= last; number++) numbers.push(number)
  }
  return numbers
}

function parseOne(piece: string): NumberRange {
  const [first, last, ...rest] = piece.split('-')
  if (first === undefined || rest.length > 0) throw new Error('range number is invalid')
  if (last === undefined) {
    const only = parseNumber(first)
    return { first: only, last: only }
  }
  const range = { first: parseNumber(first), last: parseNumber(last) }
  if (range.last < range.first) throw new Error('range number is invalid')
  return range
}

function parseNumber(text: string): number {
  const trimmed = text.trim()
  if (!/^\+?\d+$/.test(trimmed)) {
    throw new Error(
      `range number is invalid, strconv.ParseInt: parsing ${JSON.stringify(trimmed)}: invalid syntax`,
    )
  }
  const number = Number(trimmed)
  if (!Number.isSafeInteger(number)) {
    throw new Error(
      `range number is invalid, strconv.ParseInt: parsing ${JSON.stringify(trimmed)}: value out of range`,
    )
  }
  return number
}
