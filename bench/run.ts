// `npm run bench`: the same engine as `frpc bench`, with the suites that judge our own goals.

import { parseArgs } from 'node:util'
import type { NatBenchWords } from './nat/plan.ts'
import { printBenchList, runBench, runNatBench, type BenchWords } from './index.ts'
import { SUITES } from './suites.ts'

const USAGE = `usage: npm run bench -- [SUITE...] [--scenarios NAME,...] [--transports NAME,...]
                        [--peer PATH]... [--emulate LINK] [--rounds N] [--seconds S] [--quick]
                        [--json FILE|-] [--html FILE] [--list]

${SUITES.map(({ name, title }) => `  ${name.padEnd(13)}${title}`).join('\n')}
  nat          two machines behind every kind of NAT: direct or not, when, and what survives
               (a quarter of an hour, with a real frp twice that; --quick, --scenarios, --pairs)
  (neither a suite nor --emulate: loopback)

  --scenarios  those whose names begin so (--list tells them)
  --transports quic, tcp, kcp, direct
  --peer       a folder with a real frps and frpc, or rathole's file; FRP_BIN=DIR and RATHOLE_BIN=FILE
               mean the same
  --emulate    a link: delay=40ms,loss=2%,rate=50m, or a name (--list)
  --rounds     runs of everything; medians are taken over them (3)
  --seconds    how long one figure is measured
  --tries      nat: attempts of each case (2)
  --only       nat: ours, or frp
  --pairs      nat: visitor/owner,... of the matrix: public/random, all/carrier
  --json       the whole report; - is stdout
  --html       the report as a page
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let words: Words | 'help' | 'list'
  try {
    words = readWords(args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 1
  }
  if (words === 'help') process.stdout.write(USAGE)
  else if (words === 'list') printBenchList()
  else if (words.nat !== undefined) return await runNatBench({ ...words, ...words.nat })
  else return await runBench(words)
  return 0
}

interface Words extends BenchWords {
  /** Given with the suite `nat`, which goes alone. */
  readonly nat: Pick<NatBenchWords, 'tries' | 'pairs' | 'only'> | undefined
}

function readWords(args: readonly string[]): Words | 'help' | 'list' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenarios: { type: 'string' },
      transports: { type: 'string' },
      peer: { type: 'string', multiple: true },
      emulate: { type: 'string' },
      rounds: { type: 'string' },
      tries: { type: 'string' },
      pairs: { type: 'string' },
      only: { type: 'string' },
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
  const isNat = positionals.includes('nat')
  if (isNat && positionals.length > 1) throw new Error('the suite nat goes alone')
  if (!isNat && (values.tries ?? values.pairs ?? values.only) !== undefined) {
    throw new Error('--tries, --pairs and --only are of the suite nat')
  }
  const isPlain = positionals.length === 0 && values.emulate === undefined
  return {
    nat: isNat ? { tries: values.tries, pairs: values.pairs, only: values.only } : undefined,
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
