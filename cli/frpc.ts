#!/usr/bin/env node
// frpc: the client's command line. Nothing heavy is imported before the flags have asked for it
// (--version is quick).

import {
  BENCH_FLAGS,
  CLIENT_FLAGS,
  DOCTOR_FLAGS,
  NATHOLE_FLAGS,
  SECRET_FLAGS,
  TCP_FLAGS,
  VISITOR_FLAGS,
} from './flags.ts'
import type { DoctorFlags, ExamineFlags } from './examine-setup.ts'
import type {
  BenchFlags,
  ClientFlags,
  SecretFlags,
  SecretType,
  TcpFlags,
  VisitorFlags,
} from './options.ts'
import { exit } from './output.ts'
import { runProgram, type Subcommand } from './program.ts'

async function run(flags: ClientFlags): Promise<number> {
  const { runClient } = await import('./run-client.ts')
  return runClient(flags)
}

async function runPortProxy(flags: TcpFlags, type: 'tcp' | 'udp'): Promise<number> {
  const [{ portProxyValues }, { runValues }] = await loadRunner()
  return runValues(flags, portProxyValues(flags, type))
}

async function runSecretProxy(flags: SecretFlags, type: SecretType): Promise<number> {
  const [{ secretProxyValues }, { runValues }] = await loadRunner()
  return runValues(flags, secretProxyValues(flags, type))
}

async function runVisitor(flags: VisitorFlags, type: SecretType): Promise<number> {
  const [{ visitorValues }, { runValues }] = await loadRunner()
  return runValues(flags, visitorValues(flags, type))
}

function loadRunner(): Promise<
  [typeof import('./options.ts'), typeof import('./run-client.ts')]
> {
  return Promise.all([import('./options.ts'), import('./run-client.ts')])
}

async function verify(flags: ClientFlags): Promise<number> {
  const { verifyClient } = await import('./verify.ts')
  return verifyClient(flags)
}

async function bench(flags: BenchFlags): Promise<number> {
  const { runBenchCommand } = await import('./bench.ts')
  return runBenchCommand(flags, process.argv.slice(2))
}

async function doctor(flags: DoctorFlags): Promise<number> {
  const { doctorCommand } = await import('./doctor.ts')
  return doctorCommand(flags)
}

async function discover(flags: ExamineFlags): Promise<number> {
  const { discoverCommand } = await import('./nathole.ts')
  return discoverCommand(flags)
}

async function status(flags: ClientFlags): Promise<number> {
  const { statusCommand } = await import('./ask-client.ts')
  return statusCommand(flags)
}

async function peers(flags: ClientFlags): Promise<number> {
  const { peersCommand } = await import('./ask-client.ts')
  return peersCommand(flags)
}

/** `frpc stcp` and `frpc stcp visitor`. */
function secretCommands(type: SecretType): readonly Subcommand[] {
  return [
    {
      name: type,
      description: `Run one ${type} proxy without a file; "frpc ${type} visitor" visits it`,
      flags: SECRET_FLAGS,
      run: flags => runSecretProxy(flags, type),
    },
    {
      name: `${type} visitor`,
      description: `Run one visitor of a ${type} proxy without a file`,
      flags: VISITOR_FLAGS,
      run: flags => runVisitor(flags, type),
    },
  ]
}

/**
 * What frp has and this version does not: known words, so that the answer is a reason and not
 * "unknown command".
 */
const LATER: readonly Subcommand[] = [
  ...['http', 'https', 'tcpmux'].map(type => ({
    name: type,
    description: `Run one ${type} proxy without a file (not yet)`,
    flags: [],
  })),
  { name: 'reload', description: 'Reload the configuration (not yet)', flags: [] },
  { name: 'stop', description: 'Stop a running frpc (not yet)', flags: [] },
  { name: 'completion', description: 'Shell completion (not yet)', flags: [] },
]

exit(
  await runProgram(
    {
      name: 'frpc',
      description: 'The client of quicfrp: offers local services to users of a server (frps).',
      flags: CLIENT_FLAGS,
      run,
      commands: [
        {
          name: 'tcp',
          description: 'Run one tcp proxy without a file',
          flags: TCP_FLAGS,
          run: flags => runPortProxy(flags, 'tcp'),
        },
        {
          name: 'udp',
          description: 'Run one udp proxy without a file',
          flags: TCP_FLAGS,
          run: flags => runPortProxy(flags, 'udp'),
        },
        ...secretCommands('stcp'),
        ...secretCommands('sudp'),
        ...secretCommands('xtcp'),
        { name: 'status', description: 'Show the proxies of a running frpc', flags: [], run: status },
        {
          name: 'peers',
          description: 'Show the peer connections of a running frpc, and which way they go',
          flags: [],
          run: peers,
        },
        { name: 'verify', description: 'Check a config file', flags: [], run: verify },
        {
          name: 'bench',
          description: 'Measure QUIC against TCP mode: here, on an emulated link, over your server',
          flags: BENCH_FLAGS,
          initial: { config: '' },
          run: bench,
        },
        {
          name: 'doctor',
          description: 'Say what kind of network this is, what will work, and what to do',
          flags: DOCTOR_FLAGS,
          initial: { config: '' },
          run: doctor,
        },
        {
          name: 'nathole',
          description: 'As nathole discover',
          flags: NATHOLE_FLAGS,
          run: discover,
        },
        {
          name: 'nathole discover',
          description: 'Ask STUN servers what they see of this network',
          flags: NATHOLE_FLAGS,
          run: discover,
        },
        ...LATER,
      ],
    },
    process.argv.slice(2),
  ),
)
