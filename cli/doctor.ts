// `frpc doctor`: what kind of network this is, what will work with which peer, what to do.

import { type Examination, examine } from '../lib/index.ts'
import { adviceLines, kindLine, peerRows, serverRows } from './doctor-words.ts'
import { bindAddressOf, doctorSetup, type DoctorFlags } from './examine-setup.ts'
import { networkRows, rowText } from './network-words.ts'
import { describe, print } from './output.ts'
import { warningsTo } from './warnings.ts'

/** `unknown`: nothing could be looked at. */
const STATUS = { fine: 0, unknown: 1, noServer: 2, noUdp: 3 } as const

/** Seconds for each protocol; frp's ten are for a server that starts. */
const DIAL_SECONDS = 5

/**
 * Resolves to the exit status: 0; 1 when nothing could be looked at (the config, no UDP socket); 2
 * when frps was not reached or refused the login; 3 when UDP does not work.
 */
export async function doctorCommand(flags: DoctorFlags): Promise<number> {
  try {
    const { config, hasServer } = await doctorSetup(flags)
    const bind = bindAddressOf(flags.natHoleLocalAddr)
    const { transport } = config
    const dialServerTimeout = Math.min(transport.dialServerTimeout, DIAL_SECONDS)
    if (process.stderr.isTTY) {
      process.stderr.write('Asking the server, STUN servers and the router (up to 10 s) ...\n')
    }
    const warnings: string[] = []
    const examination = await examine({
      config: { ...config, transport: { ...transport, dialServerTimeout } },
      server: hasServer ? 'login' : 'none',
      log: warningsTo(warnings),
      ...(bind && { bind }),
    })
    const server = hasServer ? `${config.serverAddr}:${config.serverPort}` : undefined
    if (flags.json) print(JSON.stringify(examination, undefined, 2))
    else printReport(examination, server, warnings)
    return STATUS[outcomeOf(examination)]
  } catch (error) {
    print(describe(error))
    return STATUS.unknown
  }
}

function printReport(
  examination: Examination,
  server: string | undefined,
  warnings: readonly string[],
): void {
  if (server === undefined) {
    print('No server was named: -c frpc.toml, or -s frps.example [-P 7000] [-t token].')
  } else {
    print(`Server ${server}`)
    for (const row of serverRows(examination)) print(rowText(row))
  }
  print('\nNetwork')
  for (const row of networkRows(examination.network)) print(rowText(row))
  for (const warning of warnings) print(rowText(['Warning', warning]))
  print(`\n${kindLine(examination)}`)
  print('\nConnections to a peer (xtcp)')
  for (const row of peerRows(examination)) print(row)
  const advice = adviceLines(examination)
  if (advice.length === 0) return
  print('\nWhat to do')
  for (const line of advice) print(`  - ${line}`)
}

function outcomeOf({ server, network }: Examination): keyof typeof STATUS {
  if (server.length > 0 && server.every(({ isLoggedIn }) => !isLoggedIn)) return 'noServer'
  const hasQuic = server.some(({ protocol, isLoggedIn }) => protocol === 'quic' && isLoggedIn)
  return hasQuic || network.discovery.profile.udp ? 'fine' : 'noUdp'
}
