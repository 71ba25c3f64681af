// `frpc bench`: only names the flags for the bench, which checks them, measures and reports.

import type { BenchFlags } from './options.ts'

/** `argv` as typed, for the report. Resolves to the exit status. */
export async function runBenchCommand(
  flags: BenchFlags,
  argv: readonly string[],
): Promise<number> {
  // Loaded here, not by the program: nothing else of frpc needs it.
  const { printBenchList, runBench } = await import('../bench/index.ts')
  if (flags.list) {
    printBenchList()
    return 0
  }
  return runBench({
    scenarios: flags.scenarios,
    transports: flags.transports,
    peers: flags.peer,
    emulate: flags.emulate,
    config: flags.config === '' ? undefined : flags.config,
    rounds: flags.rounds,
    seconds: flags.seconds,
    isQuick: flags.quick,
    json: flags.json,
    html: flags.html,
    command: ['frpc', ...argv].map(quoted).join(' '),
  })
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
