// YAML 1.1 as frp's parser reads it: yes/no/on/off are booleans, dates and base-60 numbers stay
// text, the last of two equal keys counts, anchors and merge keys work. The yaml package is loaded
// only when a file needs it (it is large).

import { type KeyPath, Lines, OddNumber, SyntaxProblem } from './document.ts'

/** More aliases than this multiply a small file into a huge one. */
const MAX_ALIASES = 1000
const MAX_DEPTH = 100
/**
 * Lines of many list marks (`- - - x`), keys (`a: b: c: x`), anchors or blanks: the package's time
 * grows with the square.
 */
const DEEP_LINE =
  /^(?:[ \t]*[-?:](?=[ \t])){100}|^ {400}|^[^\n{["'#]*(?::[ \t]+[^\n{["'#:]*){50}|(?:[&!]\S*[ \t]+){20}|[!&"']{200}/m
const MAX_NODES = 1_000_000

/** Rejects with SyntaxProblem: `error converting YAML to JSON: yaml: line N: ...`. */
export async function readYaml(text: string): Promise<{ value: unknown; lines: Lines }> {
  const { isAlias, isCollection, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } =
    await import('yaml')
  checkDepth(text)
  const counter = new LineCounter()
  try {
    const document = parseDocument(text, {
      version: '1.1',
      merge: true,
      uniqueKeys: false,
      intAsBigInt: false,
      lineCounter: counter,
      customTags: tags => tags.filter(tag => typeof tag === 'string' || isPlainTag(tag)),
    })
    const [error] = document.errors
    if (error !== undefined) {
      const line = error.linePos?.[0].line
      const [reason] = error.message.split('\n')
      throw new SyntaxProblem(
        conversionText(line, reason?.replace(/ at line \d.*$/, '') ?? ''),
        line,
      )
    }
    const lines = new Lines()
    let nodes = 0
    const note = (node: unknown, path: KeyPath): void => {
      if (++nodes > MAX_NODES)
        throw new SyntaxProblem(conversionText(undefined, 'too many nodes'), undefined)
      if (isMap(node)) {
        for (const pair of node.items) {
          if (!isPair(pair) || !isScalar(pair.key)) continue
          const at = [...path, String(pair.key.value)]
          if (pair.key.range) lines.set(at, counter.linePos(pair.key.range[0]).line)
          note(pair.value, at)
        }
      } else if (isSeq(node)) {
        for (const [i, item] of node.items.entries()) {
          const at = [...path, i]
          if ((isCollection(item) || isScalar(item) || isAlias(item)) && item.range) {
            lines.set(at, counter.linePos(item.range[0]).line)
          }
          note(item, at)
        }
      }
    }
    note(document.contents, [])
    return { value: plain(document.toJS({ maxAliasCount: MAX_ALIASES })), lines }
  } catch (error) {
    if (error instanceof SyntaxProblem) throw error
    const reason = error instanceof RangeError ? 'nested too deeply' : String(error)
    throw new SyntaxProblem(conversionText(undefined, reason), undefined)
  }
}

/**
 * The package recurses into nested values, and a deep one made V8 run out of memory (a million
 * `[`). Brackets within texts
 * count too: no real file comes near the bound.
 */
function checkDepth(text: string): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '[' || char === '{') depth++
    else if (depth > 0 && (char === ']' || char === '}')) depth--
    if (depth > MAX_DEPTH)
      throw new SyntaxProblem(conversionText(undefined, 'exceeded max depth'), undefined)
  }
  if (DEEP_LINE.test(text)) {
    throw new SyntaxProblem(conversionText(undefined, 'exceeded max depth'), undefined)
  }
}

function conversionText(line: number | undefined, reason: string): string {
  const place = line === undefined ? '' : `line ${line}: `
  return `error converting YAML to JSON: yaml: ${place}${reason}`
}

interface TagLike {
  readonly tag: string
  readonly format?: string
}

/** Without timestamps and base-60 numbers, which frp's parser keeps as text. */
function isPlainTag(tag: TagLike): boolean {
  return tag.format !== 'TIME' && !tag.tag.endsWith(':timestamp')
}

/** Numbers past 2^53 are no ints; everything that is not plain data becomes text. */
function plain(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isInteger(value) && !Number.isSafeInteger(value)
      ? new OddNumber(String(value))
      : value
  }
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return plain(Object.fromEntries(value))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}
