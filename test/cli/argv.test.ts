// The syntax of frp's command lines (frp-surface.md §1.1), each rule as tried on real frp.

import t from 'tap'
import {
  type CommandShape,
  readArguments,
  UnknownCommandError,
  UsageError,
} from '../../cli/argv.ts'
import { CLIENT_FLAGS, SERVER_FLAGS, TCP_FLAGS } from '../../cli/flags.ts'

const frps: CommandShape = {
  name: 'frps',
  flags: SERVER_FLAGS,
  commands: [{ name: 'verify', flags: [] }],
}

const frpc: CommandShape = {
  name: 'frpc',
  flags: CLIENT_FLAGS,
  commands: [
    { name: 'tcp', flags: TCP_FLAGS },
    { name: 'verify', flags: [] },
    { name: 'udp', flags: [], isPlaceholder: true },
  ],
}

function read(shape: CommandShape, line: string): { command: string | undefined; flags: string } {
  const { command, flags } = readArguments(line.split(' ').filter(Boolean), shape)
  return { command, flags: flags.join(' ') }
}

function problem(shape: CommandShape, ...words: string[]): unknown {
  try {
    readArguments(words, shape)
  } catch (error) {
    return error
  }
  return undefined
}

t.test('every way to write a value is read', async t => {
  const wanted = { command: undefined, flags: '--bind-port=7001' }
  for (const line of [
    '--bind_port 7001',
    '--bind-port 7001',
    '--bind_port=7001',
    '-p 7001',
    '-p7001',
    '-p=7001',
  ]) {
    t.strictSame(read(frps, line), wanted, line)
  }
})

t.test('a boolean never takes the next word', async t => {
  t.strictSame(read(frps, '--tls_only verify'), { command: 'verify', flags: '--tls-only=true' })
  t.strictSame(read(frps, '--tls_only=F -v=1'), {
    command: undefined,
    flags: '--tls-only=F --version=1',
  })
})

t.test('flags stand before or after the command', async t => {
  const wanted = { command: 'tcp', flags: '--config=x --proxy-name=a' }
  t.strictSame(read(frpc, '-c x tcp -n a'), wanted)
  t.strictSame(read(frpc, 'tcp -c x -n a'), wanted)
  t.strictSame(read(frpc, '-c x -n a tcp'), wanted)
  t.strictSame(read(frpc, '-cx tcp -na'), wanted)
})

t.test('a value may look like a flag', async t => {
  const { flags } = readArguments(['-t', '--bind_port', '-p', '1'], frps)
  t.strictSame(flags, ['--token=--bind_port', '--bind-port=1'])
})

t.test('an underscore in a value stays', async t => {
  t.strictSame(read(frps, '--token=a_b').flags, '--token=a_b')
})

t.test('words after -- and extra words of a leaf command are ignored', async t => {
  t.strictSame(read(frps, 'verify extra -c f more').flags, '--config=f')
  t.strictSame(read(frps, '-c f -- --nope'), { command: undefined, flags: '--config=f' })
})

t.test('an empty value is a value', async t => {
  t.strictSame(readArguments(['verify', '-c', ''], frpc).flags, ['--config='])
})

t.test('several short booleans may share a word', async t => {
  t.strictSame(read(frpc, '-vc x').flags, '--version=true --config=x')
})

t.test('a placeholder command takes any flags', async t => {
  t.strictSame(read(frpc, 'udp --remote_port 6000 -Q'), { command: 'udp', flags: '' })
})

t.test('wrong usage is told in the words of frp', async t => {
  const cases: [CommandShape, string[], string][] = [
    [frpc, ['--nope'], 'unknown flag: --nope'],
    [frpc, ['--no_pe=1'], 'unknown flag: --no_pe'],
    [frpc, ['-x'], "unknown shorthand flag: 'x' in -x"],
    [frpc, ['-vx'], "unknown shorthand flag: 'x' in -x"],
    [frpc, ['-c'], "flag needs an argument: 'c' in -c"],
    [frpc, ['--config'], 'flag needs an argument: --config'],
    [
      frpc,
      ['--strict_config=maybe'],
      'invalid argument "maybe" for "--strict-config" flag: ' +
        'strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      frpc,
      ['tcp', '-l', 'abc'],
      'invalid argument "abc" for "-l, --local-port" flag: ' +
        'strconv.ParseInt: parsing "abc": invalid syntax',
    ],
    [
      frpc,
      ['tcp', '--server_port=99999999999999999999'],
      'invalid argument "99999999999999999999" for "-P, --server-port" flag: ' +
        'strconv.ParseInt: parsing "99999999999999999999": value out of range',
    ],
    [
      frpc,
      ['tcp', '--metadatas', 'a'],
      'invalid argument "a" for "--metadatas" flag: a must be formatted as key=value',
    ],
    [
      frps,
      ['--allow_ports', '10-5'],
      'invalid argument "10-5" for "--allow-ports" flag: range number is invalid',
    ],
    [
      frps,
      ['--allow_ports', '1-x'],
      'invalid argument "1-x" for "--allow-ports" flag: range number is invalid, ' +
        'strconv.ParseInt: parsing "x": invalid syntax',
    ],
  ]
  for (const [shape, words, text] of cases) {
    const error = problem(shape, ...words)
    t.ok(error instanceof UsageError, words.join(' '))
    t.match(error, { message: text })
  }
  t.match(problem(frpc, 'tcp', '-n'), { command: 'tcp' }, 'the error knows whose usage to show')
})

t.test('a word that is no command is refused with its program', async t => {
  const error = problem(frpc, '-c', 'x', 'nope')
  t.ok(error instanceof UnknownCommandError)
  t.match(error, { message: 'unknown command "nope" for "frpc"' })
})
