// The commander side of a program: its command tree with help, values of flags, dispatch. argv.ts
// has read the syntax by then, so every argument is `--name=value` and well formed.

import { Command, CommanderError, Option, type HelpConfiguration } from 'commander'
import { booleanOf, mapOf, rangesOf, type ReadArguments } from './argv.ts'
import { flagTerm, type Flag } from './flags.ts'
import type { Program } from './program.ts'

/** Runs the action of the command; resolves to the exit status. */
export async function dispatch(program: Program, read: ReadArguments): Promise<number> {
  let status = 0
  const root = buildCommand(program, result => {
    status = result
  })
  const { command, flags } = read
  try {
    await root.parseAsync(command === undefined ? [...flags] : [joined(command), ...flags], {
      from: 'user',
    })
  } catch (error) {
    // Help was printed and is done; commander reports that as an error with exit code 0.
    if (error instanceof CommanderError) return error.exitCode
    throw error
  }
  return status
}

/** The help of a command, or of the program. */
export function helpText(program: Program, command: string | undefined): string {
  const root = buildCommand(program, () => undefined)
  const name = command === undefined ? undefined : joined(command)
  return (root.commands.find(child => child.name() === name) ?? root)
    .helpInformation()
    .replaceAll(SPACE, ' ')
}

/**
 * `stcp visitor` is one command for commander: both of its words have flags of the same names, and a
 * command below another one would lose its own to that.
 */
function joined(name: string): string {
  return name.replace(' ', SPACE)
}

const SPACE = '\u00a0'

function buildCommand(program: Program, done: (status: number) => void): Command {
  const root = new Command(program.name).description(program.description).exitOverride()
  const allFlags = [...program.flags, ...program.commands.flatMap(({ flags }) => flags)]
  root.configureOutput({ writeOut: text => process.stdout.write(text.replaceAll(SPACE, ' ')) })
  root.configureHelp(helpFormat(allFlags)).helpOption('-h, --help', 'print this help')
  root.helpCommand(false).usage(`[flags]\n       ${program.name} [command] [flags]`)
  addFlags(root, program.flags)
  root.action(async () => {
    // The flags come from the program's own table; Program.run states which it reads.
    done(await program.run(root.opts() as never))
  })
  for (const { name, description, flags, initial = {}, run } of program.commands) {
    const child = root.command(joined(name)).description(description).usage('[flags]')
    addFlags(child, flags)
    child.action(async () => {
      const values = child.optsWithGlobals<Record<string, unknown>>()
      for (const [flag, value] of Object.entries(initial)) {
        if (root.getOptionValueSource(flag) === 'default') values[flag] = value
      }
      if (run) return done(await run(values as never))
      process.stdout.write(`${program.name} ${name} is not available in this version yet\n`)
      done(1)
    })
  }
  return root
}

/**
 * Flags as `-p, --bind-port int`, defaults only where they say something; children inherit this.
 */
function helpFormat(flags: readonly Flag[]): HelpConfiguration {
  const byLong = new Map(flags.map(flag => [`--${flag.name}`, flag]))
  return {
    showGlobalOptions: true,
    subcommandTerm: command => command.name(),
    optionTerm(option) {
      const flag = byLong.get(option.long ?? '')
      if (!flag) return option.flags
      const term = flag.short ? flagTerm(flag) : `    ${flagTerm(flag)}`
      return flag.kind === 'bool' ? term : `${term} ${flag.kind}`
    },
    optionDescription(option) {
      const initial = byLong.get(option.long ?? '')?.initial
      return initial ? `${option.description} (default ${String(initial)})` : option.description
    },
  }
}

function addFlags(command: Command, flags: readonly Flag[]): void {
  for (const flag of flags) if (flag.name !== 'help') command.addOption(optionOf(flag))
}

/** Values come as `--name=value` and are known to be well formed (argv.ts). */
function optionOf(flag: Flag): Option {
  const option = new Option(`${flagTerm(flag)} <${flag.kind}>`, flag.help)
  if (flag.initial !== undefined) option.default(flag.initial)
  switch (flag.kind) {
    case 'string':
      break
    case 'int':
      option.argParser(Number)
      break
    case 'bool':
      option.argParser(booleanOf)
      break
    case 'list':
      option.argParser((text: string, before: readonly string[] = []) => [
        ...before,
        ...text.split(',').filter(word => word !== ''),
      ])
      break
    case 'map':
      option.argParser((text: string, before: object = {}) => ({ ...before, ...mapOf(text) }))
      break
    case 'ranges':
      option.argParser(rangesOf)
      break
    default:
      flag.kind satisfies never
  }
  return option
}
