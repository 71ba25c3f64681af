// A program from the command line to its exit status: reads the arguments, answers --version and
// wrong usage in frp's words, and only then loads what runs it (commander among that: --version has
// 120 ms, most of which are Node's own).

import {
  booleanOf,
  readArguments,
  type CommandShape,
  UnknownCommandError,
  UsageError,
} from './argv.ts'
import type { Flag } from './flags.ts'
import { print } from './output.ts'
import { VERSION } from '../lib/version.ts'

/** Runs with the parsed flags; resolves to the exit status. */
export type Action<Flags> = (flags: Flags) => Promise<number>

export interface Subcommand {
  readonly name: string
  readonly description: string
  readonly flags: readonly Flag[]
  /** Of flags of the program, where the command has another default. */
  readonly initial?: Readonly<Record<string, string>>
  /** Absent: the command exists in frp but not here yet; it says so and ends with status 1. */
  // Each action declares the flags that its own table gives; the table and the type are kept
  // together by tests.
  readonly run?: Action<never>
}

export interface Program {
  readonly name: string
  readonly description: string
  readonly flags: readonly Flag[]
  readonly run: Action<never>
  readonly commands: readonly Subcommand[]
}

/** Resolves to the exit status; what people see is on stdout and stderr by then. */
export async function runProgram(program: Program, argv: readonly string[]): Promise<number> {
  const shape = shapeOf(program)
  try {
    const read = readArguments(helpWordToFlag(argv, shape), shape)
    if (read.command === undefined && asksForVersion(read.flags)) {
      print(VERSION)
      return 0
    }
    const { dispatch } = await import('./commands.ts')
    return await dispatch(program, read)
  } catch (error) {
    return reportWrongUsage(error, program)
  }
}

/** Only the program itself looks at the flag: `frpc verify -v` verifies. Help comes first. */
function asksForVersion(flags: readonly string[]): boolean {
  if (flags.includes('--help')) return false
  const last = flags.findLast(flag => flag.startsWith('--version='))
  return last !== undefined && booleanOf(last.slice('--version='.length)) === true
}

async function reportWrongUsage(error: unknown, program: Program): Promise<number> {
  if (error instanceof UnknownCommandError) {
    process.stderr.write(`Error: ${error.message}\nRun '${program.name} --help' for usage.\n`)
    return 1
  }
  if (!(error instanceof UsageError)) throw error
  const { helpText } = await import('./commands.ts')
  process.stderr.write(`Error: ${error.message}\n${helpText(program, error.command)}\n`)
  return 1
}

/** `frpc help tcp` is `frpc tcp --help`. */
function helpWordToFlag(argv: readonly string[], shape: CommandShape): readonly string[] {
  const [first, topic] = argv
  if (first !== 'help') return argv
  if (topic === undefined) return ['--help']
  if (shape.commands.some(({ name }) => name === topic)) return [topic, '--help']
  process.stderr.write(`Unknown help topic [\`${topic}\`]\n`)
  return ['--help']
}

function shapeOf({ name, flags, commands }: Program): CommandShape {
  return {
    name,
    flags,
    commands: commands.map(command => ({
      name: command.name,
      flags: command.flags,
      isPlaceholder: command.run === undefined,
    })),
  }
}

