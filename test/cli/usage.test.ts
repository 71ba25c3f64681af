// What wrong and right usage print, where, and with which status.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { runToEnd } from './program.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

t.test('--version prints the version alone', async t => {
  for (const [program, flag] of [
    ['frps', '--version'],
    ['frpc', '-v'],
  ] as const) {
    const ended = await runToEnd(program, [flag])
    t.strictSame(ended, { status: 0, signal: null, stdout: `${version}\n`, stderr: '' })
  }
})

t.test('only the program itself looks at --version', async t => {
  const { stdout, status } = await runToEnd('frpc', ['verify', '-v', '-c', ''])
  t.equal(stdout, 'frpc: the configuration file is not specified\n')
  t.equal(status, 0)
})

t.test('help is on stdout, with status 0', async t => {
  for (const args of [['--help'], ['-h'], ['help']]) {
    const { stdout, stderr, status } = await runToEnd('frpc', args)
    t.match(stdout, /^Usage: frpc \[flags\][^]*-c, --config string[^]*verify/, args.join(' '))
    t.strictSame({ stderr, status }, { stderr: '', status: 0 })
  }
})

t.test('the help of a command shows its flags and the global ones', async t => {
  for (const args of [['tcp', '--help'], ['help', 'tcp']]) {
    const { stdout, status } = await runToEnd('frpc', args)
    t.match(stdout, /^Usage: frpc tcp \[flags\][^]*-l, --local-port int[^]*--strict-config/)
    t.equal(status, 0)
  }
})

t.test('an unknown flag prints the error and the usage on stderr, status 1', async t => {
  const { stdout, stderr, status } = await runToEnd('frpc', ['tcp', '--nope'])
  t.match(stderr, /^Error: unknown flag: --nope\nUsage: frpc tcp \[flags\]/)
  t.strictSame({ stdout, status }, { stdout: '', status: 1 })
})

t.test('an unknown command gets a hint, status 1', async t => {
  t.match(await runToEnd('frpc', ['nope']), {
    stdout: '',
    stderr: `Error: unknown command "nope" for "frpc"\nRun 'frpc --help' for usage.\n`,
    status: 1,
  })
})

t.test('an unknown help topic is told, status 0', async t => {
  const { stderr, status } = await runToEnd('frps', ['help', 'nope'])
  t.equal(stderr, 'Unknown help topic [`nope`]\n')
  t.equal(status, 0)
})

t.test('what frp has and this version has not says so in one line, status 1', async t => {
  const lines = ['https --remote_port 6000', 'reload -c x', 'stop']
  for (const args of lines.map(line => line.split(' '))) {
    t.match(await runToEnd('frpc', args), {
      stdout: `frpc ${args[0]} is not available in this version yet\n`,
      status: 1,
    })
  }
})
