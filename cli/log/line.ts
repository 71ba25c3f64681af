// One log record as a line of frp's form: `2026-11-22 17:24:31.324 [I] [client/control] [runid]
// [name] message` (frp-surface.md §7.1). Colours mark the level and dim the rest; without colours
// the text is the same.

export interface LogRecord {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly level: string
  readonly msg: string
  readonly source?: string
  readonly tags?: readonly string[]
  readonly fields?: Readonly<Record<string, unknown>>
}

const LETTERS: Readonly<Record<string, string>> = {
  trace: 'T',
  debug: 'D',
  info: 'I',
  warn: 'W',
  error: 'E',
}

/** ANSI codes of frp's level colours. */
const COLORS: Readonly<Record<string, string>> = {
  debug: '1;36',
  info: '1;34',
  warn: '1;33',
  error: '1;31',
}

export function formatLine(record: LogRecord, { color }: { readonly color: boolean }): string {
  const { time, level, msg, source, tags = [], fields = {} } = record
  const stamp = formatTime(new Date(time))
  const letter = `[${LETTERS[level] ?? '?'}]`
  const from = source ? ` [${source}]` : ''
  const prefixes = tags.map(tag => ` [${printable(tag)}]`).join('')
  const extra = Object.entries(fields).map(([key, value]) => ` ${key}=${fieldText(value)}`)
  const text = `${prefixes} ${printable(msg)}${extra.join('')}`
  if (!color) return `${stamp} ${letter}${from}${text}\n`
  const mark = COLORS[level] ? `\x1b[${COLORS[level]}m${letter}\x1b[0m` : letter
  return `\x1b[2m${stamp}\x1b[0m ${mark}\x1b[2m${from}\x1b[0m${text}\n`
}

/** Local time, `2026-11-22 17:24:31.324`. */
export function formatTime(date: Date): string {
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

function fieldText(value: unknown): string {
  const text = String(value)
  return /[\s"=]/.test(text) || text === '' ? JSON.stringify(text) : printable(text)
}

/**
 * Names and hosts in messages come from strangers: a line break would forge a log line, an escape
 * code would command the terminal of whoever reads it.
 */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, char => {
    const code = char.charCodeAt(0).toString(16)
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`
  })
}
