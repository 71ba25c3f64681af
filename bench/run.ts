// `npm run bench`: the same engine as `frpc bench`, with the suites that judge our own goals.

import { parseArgs } from 'node:util'
import { printBenchList, runBench, type BenchWords } from './index.ts'
import { SUITES } from './suites.ts'

const USAGE = `usage: npm run bench -- [SUITE...] [--scenarios NAME,...] [--transports NAME,...]
                        [--peer PATH]... [--emulate LINK] [--rounds N] [--seconds S] [--quick]
                        [--json FILE|-] [--html FILE] [--list]

${SUITES.map(({ name, title }) => `  ${name.padEnd(13)}${title}`).join('\n')}
  (neither a suite nor --emulate: loopback)

  --scenarios  those whose names begin so (--list tells them)
  --transports quic, tcp, kcp, direct
  --peer       a folder with a real frps and frpc, or rathole's file; FRP_BIN=DIR and RATHOLE_BIN=FILE
               mean the same
  --emulate    a link: delay=40ms,loss=2%,rate=50m, or a name (--list)
  --rounds     runs of everything; medians are taken over them (3)
  --seconds    how long one figure is measured
  --json       the whole report; - is stdout
  --html       the report as a page
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let words: BenchWords | 'help' | 'list'
  try {
    words = readWords(args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 1
  }
  if (words === 'help') process.stdout.write(USAGE)
  else if (words === 'list') printBenchList()
  else return await runBench(words)
  return 0
}

function readWords(args: readonly string[]): BenchWords | 'help' | 'list' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenarios: { type: 'string' },
      transports: { type: 'string' },
      peer: { type: 'string', multiple: true },
      emulate: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean' },
      json: { type: 'string' },
      html: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return 'help'
  if (values.list === true) return 'list'
  const isPlain = positionals.length === 0 && values.emulate === undefined
  return {
    suites: isPlain ? ['loopback'] : positionals,
    scenarios: values.scenarios?.split(','),
    transports: values.transports?.split(','),
    peers: values.peer,
    emulate: values.emulate,
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
    seconds: values.seconds,
    isQuick: values.quick,
    json: values.json,
    html: values.html,
    command: ['npm run bench --', ...args].join(' ').trim(),
  }
}
