// Reads a command line by the rules of frp's parser (pflag; frp-surface.md §1.1) and rewrites it
// into the one form that commander reads without ambiguity: the command first, then only
// `--name=value`. Knows no meaning of any flag.

import { flagTerm, type Flag } from './flags.ts'

/** A wrong command line: `Error: …` and the usage of `command` go to stderr, status 1. */
export class UsageError extends Error {
  readonly command: string | undefined

  constructor(message: string, command: string | undefined) {
    super(message)
    this.command = command
  }
}

/** An unknown word where a command should be. No usage text follows, only a hint. */
export class UnknownCommandError extends Error {}

export interface CommandShape {
  /** The program, `frpc`. */
  readonly name: string
  /** Flags valid everywhere. */
  readonly flags: readonly Flag[]
  readonly commands: readonly SubcommandShape[]
}

export interface SubcommandShape {
  /** One word, or two: `stcp visitor` stands below `stcp`. */
  readonly name: string
  readonly flags: readonly Flag[]
  /** Its flags are not looked at: the command only says why it cannot run. */
  readonly isPlaceholder?: boolean
}

export interface ReadArguments {
  readonly command: string | undefined
  /**
   * `--name=value` (and `--help`), in the order of the command line; numbers and lists are still
   * text.
   */
  readonly flags: readonly string[]
}

/** Throws UsageError and UnknownCommandError. */
export function readArguments(argv: readonly string[], shape: CommandShape): ReadArguments {
  const at = findWord(argv, shape.flags, 0)
  const word = argv[at]
  const first = shape.commands.find(({ name }) => name === word)
  if (word !== undefined && !first) {
    throw new UnknownCommandError(`unknown command "${word}" for "${shape.name}"`)
  }
  if (first?.isPlaceholder) return { command: word, flags: [] }
  const next = first && argv[findWord(argv, [...shape.flags, ...first.flags], at + 1)]
  const subcommand = shape.commands.find(({ name }) => name === `${word} ${next}`) ?? first
  const flags = subcommand ? [...shape.flags, ...subcommand.flags] : shape.flags
  const command = subcommand?.name
  return { command, flags: new FlagReader(argv, flags, command).read() }
}

/** `bind_port` and `bind-port` are one name. */
function canonicalName(name: string): string {
  return name.replaceAll('_', '-')
}

/**
 * Where the next word is that is neither a flag nor the value of one; the length where there is
 * none. An unknown flag is taken to have a value, as frp does.
 */
function findWord(argv: readonly string[], flags: readonly Flag[], from: number): number {
  for (let i = from; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--') break
    if (word === '-' || !word.startsWith('-')) return i
    if (word.includes('=')) continue
    if (takesNextWord(word, flags)) i++
  }
  return argv.length
}

/** For a flag without `=`. Short booleans may stand before the one that decides. */
function takesNextWord(word: string, flags: readonly Flag[]): boolean {
  if (word.startsWith('--')) {
    const name = canonicalName(word.slice(2))
    return flags.find(flag => flag.name === name)?.kind !== 'bool'
  }
  const letters = [...word.slice(1)]
  const isBoolean = (letter: string): boolean =>
    flags.find(({ short }) => short === letter)?.kind === 'bool'
  return letters.findIndex(letter => !isBoolean(letter)) === letters.length - 1
}

class FlagReader {
  readonly #words: string[]
  readonly #flags: readonly Flag[]
  readonly #command: string | undefined
  readonly #out: string[] = []

  constructor(argv: readonly string[], flags: readonly Flag[], command: string | undefined) {
    this.#words = [...argv]
    this.#flags = flags
    this.#command = command
  }

  read(): string[] {
    for (;;) {
      const word = this.#words.shift()
      if (word === undefined || word === '--') return this.#out
      if (word.startsWith('--')) this.#long(word)
      else if (word.startsWith('-') && word !== '-') this.#shorts(word)
      // Anything else is the command itself or a positional word, which leaf commands ignore.
    }
  }

  #long(word: string): void {
    const equals = word.indexOf('=')
    const written = word.slice(2, equals < 0 ? undefined : equals)
    const flag = this.#flags.find(({ name }) => name === canonicalName(written))
    if (!flag) throw this.#wrong(`unknown flag: --${written}`)
    if (equals >= 0) this.#put(flag, word.slice(equals + 1))
    else if (flag.kind === 'bool') this.#put(flag, 'true')
    else this.#put(flag, this.#next(`--${written}`))
  }

  /** `-p 7000`, `-p7000`, `-p=7000`, and several booleans in one word. */
  #shorts(word: string): void {
    for (let rest = word.slice(1); rest !== ''; ) {
      const letter = rest.charAt(0)
      const flag = this.#flags.find(({ short }) => short === letter)
      if (!flag) throw this.#wrong(`unknown shorthand flag: '${letter}' in -${rest}`)
      const tail = rest.slice(1)
      if (tail.startsWith('=')) return this.#put(flag, tail.slice(1))
      if (flag.kind === 'bool') {
        this.#put(flag, 'true')
        rest = tail
        continue
      }
      return this.#put(flag, tail !== '' ? tail : this.#next(`'${letter}' in -${rest}`))
    }
  }

  #next(wanted: string): string {
    const value = this.#words.shift()
    if (value === undefined) throw this.#wrong(`flag needs an argument: ${wanted}`)
    return value
  }

  #put(flag: Flag, text: string): void {
    const problem = valueProblem(flag, text)
    if (problem) {
      throw this.#wrong(`invalid argument "${text}" for "${flagTerm(flag)}" flag: ${problem}`)
    }
    if (flag.name !== 'help') this.#out.push(`--${flag.name}=${text}`)
    else if (booleanOf(text)) this.#out.push('--help')
  }

  #wrong(message: string): UsageError {
    return new UsageError(message, this.#command)
  }
}

const TRUE_WORDS = ['1', 't', 'T', 'TRUE', 'true', 'True']
const FALSE_WORDS = ['0', 'f', 'F', 'FALSE', 'false', 'False']

/** A Go boolean word; undefined for any other text. */
export function booleanOf(text: string): boolean | undefined {
  if (TRUE_WORDS.includes(text)) return true
  return FALSE_WORDS.includes(text) ? false : undefined
}

/** `1000-2000,3000`. Throws an Error with frp's text. */
export function rangesOf(text: string): { start: number; end: number }[] {
  return text.split(',').map(piece => {
    const [first = '', last = first, ...more] = piece.split('-')
    const start = portOf(first)
    const end = portOf(last)
    if (more.length > 0 || end < start) throw new Error('range number is invalid')
    return { start, end }
  })
}

function portOf(text: string): number {
  const trimmed = text.trim()
  if (!/^\+?\d{1,15}$/.test(trimmed)) {
    throw new Error(
      `range number is invalid, strconv.ParseInt: parsing "${trimmed}": invalid syntax`,
    )
  }
  return Number(trimmed)
}

/** `k=v,k2=v2`; undefined when a piece has no `=`. An empty text is an empty map. */
export function mapOf(text: string): Record<string, string> | undefined {
  if (text === '') return {}
  const pairs = text.split(',').map(piece => piece.split(/=(.*)/s))
  if (pairs.some(([, value]) => value === undefined)) return undefined
  return Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value]))
}

/** Why the text is no value of this flag, in the words of frp's parser. */
function valueProblem({ kind }: Flag, text: string): string | undefined {
  switch (kind) {
    case 'string':
    case 'list':
      return undefined
    case 'bool':
      if (booleanOf(text) !== undefined) return undefined
      return `strconv.ParseBool: parsing "${text}": invalid syntax`
    case 'int':
      if (!/^[+-]?\d+$/.test(text)) return `strconv.ParseInt: parsing "${text}": invalid syntax`
      if (Number.isSafeInteger(Number(text))) return undefined
      return `strconv.ParseInt: parsing "${text}": value out of range`
    case 'map':
      return mapOf(text) ? undefined : `${text} must be formatted as key=value`
    case 'ranges':
      try {
        rangesOf(text)
        return undefined
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    default:
      return kind satisfies never
  }
}
