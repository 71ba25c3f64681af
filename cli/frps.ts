#!/usr/bin/env node
// frps: the server's command line. Nothing heavy is imported before the flags have asked for it
// (--version is quick).

import { SERVER_FLAGS } from './flags.ts'
import type { ServerFlags } from './options.ts'
import { exit } from './output.ts'
import { runProgram } from './program.ts'

async function run(flags: ServerFlags): Promise<number> {
  const { runServer } = await import('./run-server.ts')
  return runServer(flags)
}

async function verify(flags: ServerFlags): Promise<number> {
  const { verifyServer } = await import('./verify.ts')
  return verifyServer(flags)
}

exit(
  await runProgram(
    {
      name: 'frps',
      description: 'The server of quicfrp: publishes what its clients (frpc) offer.',
      flags: SERVER_FLAGS,
      run,
      commands: [
        { name: 'verify', description: 'Check a config file', flags: [], run: verify },
        { name: 'completion', description: 'Shell completion (not yet)', flags: [] },
      ],
    },
    process.argv.slice(2),
  ),
)
