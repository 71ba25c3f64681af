// `npm run bench`: measures quicfrp beside its rivals on this machine and prints figures, ratios
// and goals.

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { FRP_GOALS, OWN_GOALS, OWN_RATIOS } from './goals.ts'
import { Loader } from './load/loader.ts'
import { headerLines, measureCeiling } from './machine.ts'
import { directPeer } from './peers/direct.ts'
import { frpPeers } from './peers/frp.ts'
import { ourPeers } from './peers/ours.ts'
import type { Peer } from './peers/peer.ts'
import { ratholePeer } from './peers/rathole.ts'
import { killAllPrograms } from './process.ts'
import { figuresTable, goalsTable } from './report.ts'
import { SCENARIOS } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { runSession } from './session.ts'

const USAGE = `usage: npm run bench -- [--only NAME,...] [--peers NAME,...] [--runs N] [--seconds S]
                        [--json FILE]

  --only     scenarios whose names begin so: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --peers    ours-quic, ours-quic-1452, ours-tcp, direct; with FRP_BIN=DIR (real frps and frpc) also
             frp-quic, frp-tcp; with RATHOLE_BIN=FILE also rathole. All by default
  --runs     rounds; medians are taken over them (3; echo takes three times as many)
  --seconds  how long one figure is measured, after a warm-up of a third of it (3)
  --json     writes all single values there too
`

interface Choice {
  readonly peers: readonly Peer[]
  readonly scenarios: readonly Scenario[]
  readonly rounds: number
  readonly measureMs: number
  readonly jsonFile: string | undefined
}

process.on('exit', killAllPrograms)
process.exitCode = await main()

async function main(): Promise<number> {
  let choice: Choice | undefined
  try {
    choice = choose(process.argv.slice(2), process.env)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 2
  }
  if (choice === undefined) {
    process.stdout.write(USAGE)
    return 0
  }

  const interrupted = interruption()
  const { peers, scenarios, rounds, measureMs } = choice
  const load = await Loader.start()
  const ceiling = await measureCeiling(load).finally(() => load.close())
  const header = headerLines(peers, `npm run bench -- ${process.argv.slice(2).join(' ')}`, ceiling)
  print(header)

  const warmUpMs = Math.round(measureMs / 3)
  const startedAt = performance.now()
  const { results, failures } = await runSession({
    peers,
    scenarios,
    rounds,
    measureMs,
    warmUpMs,
    signal: interrupted,
    progress: showProgress
  })
  endProgress()

  const metrics = scenarios.flatMap(scenario => scenario.metrics)
  const names = peers.map(peer => peer.name)
  const hasFrp = names.some(name => name.startsWith('frp-'))
  const goals = [...(hasFrp ? FRP_GOALS : OWN_RATIOS), ...OWN_GOALS]
  const hasColor = process.stdout.isTTY && !process.env['NO_COLOR']
  const options = { metrics, peers: names, goals, hasColor }
  print(figuresTable(results, options))
  print(goalsTable(results, options))
  print(failures.map(({ scenario, peer, message }) => `failed: ${scenario} of ${peer}: ${message}`))
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1)
  if (interrupted.aborted)
    print([`interrupted after ${minutes} min: the figures above are those measured so far`])
  else print([`took ${minutes} min`])

  if (choice.jsonFile !== undefined) {
    const judged = goals.flatMap(goal => results.judge(goal) ?? [])
    const json = { header, rounds, measureMs, values: results, goals: judged, failures }
    await writeFile(choice.jsonFile, JSON.stringify(json, undefined, 2) + '\n')
  }
  if (interrupted.aborted) return 130
  return failures.length > 0 ? 1 : 0
}

/** Undefined when only the usage is wanted. Throws with a text for the user. */
function choose(args: readonly string[], env: NodeJS.ProcessEnv): Choice | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      peers: { type: 'string' },
      runs: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' }
    }
  })
  if (values.help === true) return undefined
  const rounds = Number(values.runs)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) {
    throw new Error(`--runs ${values.runs}: a whole number of 1..1000 is wanted`)
  }
  const seconds = Number(values.seconds)
  if (!(seconds >= 0.1 && seconds <= 600)) {
    throw new Error(`--seconds ${values.seconds}: a number of 0.1..600 is wanted`)
  }
  return {
    peers: choosePeers(values.peers, env),
    scenarios: chooseScenarios(values.only),
    rounds,
    measureMs: seconds * 1000,
    jsonFile: values.json
  }
}

function choosePeers(wanted: string | undefined, env: NodeJS.ProcessEnv): Peer[] {
  const { FRP_BIN: frpDirectory, RATHOLE_BIN: rathole } = env
  const all = [
    ...ourPeers(),
    ...(frpDirectory ? frpPeers(frpDirectory) : []),
    ...(rathole ? [ratholePeer(rathole)] : []),
    directPeer()
  ]
  if (wanted === undefined) return all
  return wanted.split(',').map(name => {
    const peer = all.find(other => other.name === name)
    if (peer !== undefined) return peer
    const names = all.map(other => other.name).join(', ')
    const hint = name.startsWith('frp') && !frpDirectory ? '; FRP_BIN is not set' : ''
    throw new Error(`--peers: there is no peer "${name}" among ${names}${hint}`)
  })
}

function chooseScenarios(wanted: string | undefined): Scenario[] {
  if (wanted === undefined) return [...SCENARIOS]
  const prefixes = wanted.split(',')
  const names = SCENARIOS.map(({ name }) => name).join(', ')
  for (const prefix of prefixes) {
    if (SCENARIOS.some(({ name }) => name.startsWith(prefix))) continue
    throw new Error(`--only: no scenario begins with "${prefix}" among ${names}`)
  }
  return SCENARIOS.filter(({ name }) => prefixes.some(prefix => name.startsWith(prefix)))
}

/** Aborts at the first Ctrl-C (or SIGTERM, SIGHUP); a second one ends the bench at once. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130) // the exit handler ends the programs
      controller.abort()
      killAllPrograms() // also wakes a run that waits for one of them to come up
    })
  }
  return controller.signal
}

function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n\n`)
}

function showProgress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
}

function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
}
