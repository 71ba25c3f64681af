// Cuts a template into text and actions, and actions into tokens; whitespace trimming (`{{-`,
// `-}}`) happens here. Syntax: Go's text/template, package documentation.

export type Token =
  | { readonly type: 'text'; readonly text: string; readonly at: number }
  | { readonly type: 'open' | 'close' | 'end'; readonly at: number }
  | { readonly type: 'space'; readonly at: number }
  | {
      readonly type: 'word' | 'field' | 'variable' | 'mark'
      readonly text: string
      readonly at: number
    }
  | { readonly type: 'string'; readonly text: string; readonly at: number }
  | { readonly type: 'number'; readonly value: number; readonly at: number }

/** `at` is where in the source; the caller knows the line. */
export class TemplateError extends Error {
  readonly at: number

  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

const SPACES = ' \t\r\n'
const NUMBER =
  /[+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y
const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy
const BLANKS = /[ \t\r\n]+/y
const COMMENT_END = /\*\/(?:\}\}|[ \t\r\n]+-\}\})/g

export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  let position = 0
  let trimNext = false
  for (;;) {
    const open = source.indexOf('{{', position)
    let text = source.slice(position, open === -1 ? source.length : open)
    let at = position
    if (trimNext) {
      const trimmed = text.trimStart()
      at += text.length - trimmed.length
      text = trimmed
    }
    const trims =
      open !== -1 && source[open + 2] === '-' && SPACES.includes(source[open + 3] ?? 'x')
    if (trims) text = text.trimEnd()
    if (text !== '') tokens.push({ type: 'text', text, at })
    if (open === -1) break
    const inside = open + (trims ? 3 : 2)
    const comment = commentEnd(source, inside, trims)
    if (comment !== undefined) {
      position = comment.end
      trimNext = comment.trims
      continue
    }
    tokens.push({ type: 'open', at: open })
    const close = tokenizeAction(source, inside, tokens)
    position = close.end
    trimNext = close.trims
  }
  tokens.push({ type: 'end', at: source.length })
  return tokens
}

interface Close {
  readonly end: number
  readonly trims: boolean
}

function commentEnd(source: string, inside: number, afterTrim: boolean): Close | undefined {
  let start = inside
  if (afterTrim) while (SPACES.includes(source[start] ?? 'x')) start++
  if (!source.startsWith('/*', start)) return undefined
  COMMENT_END.lastIndex = start + 2
  const found = COMMENT_END.exec(source)
  if (found !== null) return { end: COMMENT_END.lastIndex, trims: found[0].includes('-') }
  const closed = source.indexOf('*/', start + 2)
  throw new TemplateError(
    start,
    closed === -1 ? 'unclosed comment' : 'comment ends before closing delimiter',
  )
}

function tokenizeAction(source: string, from: number, tokens: Token[]): Close {
  let at = from
  for (;;) {
    if (source.startsWith('}}', at)) {
      tokens.push({ type: 'close', at })
      return { end: at + 2, trims: false }
    }
    const blanks = match(BLANKS, source, at)
    if (blanks !== undefined) {
      if (source.startsWith('-}}', at + blanks.length)) {
        tokens.push({ type: 'close', at: at + blanks.length })
        return { end: at + blanks.length + 3, trims: true }
      }
      tokens.push({ type: 'space', at })
      at += blanks.length
      continue
    }
    at = tokenizeWord(source, at, tokens)
  }
}

/** One token that is not space; returns where the next one starts. */
function tokenizeWord(source: string, at: number, tokens: Token[]): number {
  const char = source[at]
  if (char === undefined) throw new TemplateError(at, 'unclosed action')
  if (source.startsWith(':=', at)) {
    tokens.push({ type: 'mark', text: ':=', at })
    return at + 2
  }
  if ('=|(),'.includes(char)) {
    tokens.push({ type: 'mark', text: char, at })
    return at + 1
  }
  if (char === '"' || char === "'" || char === '`') return tokenizeQuoted(source, at, char, tokens)
  if (char === '$' || char === '.') {
    const name = match(NAME, source, at + 1)
    if (char === '.' && name === undefined && /\d/.test(source[at + 1] ?? '')) {
      return tokenizeNumber(source, at, tokens)
    }
    const text = char + (name ?? '')
    tokens.push({ type: char === '$' ? 'variable' : 'field', text, at })
    return at + text.length
  }
  if (/[\d+-]/.test(char)) return tokenizeNumber(source, at, tokens)
  const word = match(NAME, source, at)
  if (word === undefined) {
    throw new TemplateError(at, `unexpected ${JSON.stringify(char)} in command`)
  }
  tokens.push({ type: 'word', text: word, at })
  return at + word.length
}

function tokenizeNumber(source: string, at: number, tokens: Token[]): number {
  const text = match(NUMBER, source, at)
  const after = at + (text?.length ?? 0)
  if (text === undefined || /[\p{L}\p{Nd}_]/u.test(source[after] ?? '')) {
    throw new TemplateError(at, `bad number syntax: ${JSON.stringify(source.slice(at, after + 1))}`)
  }
  const plain = text.replaceAll('_', '').replace(/^\+/, '')
  const value = plain.startsWith('-') ? -Number(plain.slice(1)) : Number(plain)
  tokens.push({ type: 'number', value, at })
  return after
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
}
const CODE = /x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3}/y

/** Go's three quotes: "interpreted", `raw`, and 'c' for the number of a character. */
function tokenizeQuoted(source: string, start: number, quote: string, tokens: Token[]): number {
  let text = ''
  let at = start + 1
  for (;;) {
    const char = source[at]
    if (char === undefined || (char === '\n' && quote !== '`')) {
      const kind =
        quote === '`' ? 'raw quoted string' : quote === '"' ? 'quoted string' : 'character constant'
      throw new TemplateError(start, `unterminated ${kind}`)
    }
    if (char === quote) break
    if (char !== '\\' || quote === '`') {
      text += char
      at++
      continue
    }
    const plain = ESCAPES[source[at + 1] ?? '']
    if (plain !== undefined) {
      text += plain
      at += 2
      continue
    }
    const code = match(CODE, source, at + 1)
    const point =
      code === undefined ? -1 : /^\d/.test(code) ? parseInt(code, 8) : parseInt(code.slice(1), 16)
    if (code === undefined || point > 0x10ffff)
      throw new TemplateError(start, 'invalid syntax in quoted string')
    text += String.fromCodePoint(point)
    at += 1 + code.length
  }
  if (quote === "'") {
    const [only, ...rest] = text
    if (only === undefined || rest.length > 0)
      throw new TemplateError(start, 'malformed character constant')
    tokens.push({ type: 'number', value: only.codePointAt(0) ?? 0, at: start })
  } else {
    tokens.push({ type: 'string', text, at: start })
  }
  return at + 1
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0]
}
