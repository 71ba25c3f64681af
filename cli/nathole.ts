// `frpc nathole discover`: frp's report in frp's words (frp-surface.md §1.3), then ours.

import { examine, type FrpReport } from '../lib/index.ts'
import { bindAddressOf, natHoleSetup, type ExamineFlags } from './examine-setup.ts'
import { addressesText, networkRows, rowText } from './network-words.ts'
import { describe, print } from './output.ts'
import { warningsTo } from './warnings.ts'

/** Resolves to the exit status: 0, or 1 with frp's text of what is missing. */
export async function discoverCommand(flags: ExamineFlags): Promise<number> {
  const { config, hasServer } = await natHoleSetup(flags)
  // Who names a STUN server on the command line asks that one.
  const withServer = hasServer && flags.natHoleStunServer === undefined
  try {
    const bind = bindAddressOf(flags.natHoleLocalAddr)
    const warnings: string[] = []
    const { network, frp } = await examine({
      config,
      log: warningsTo(warnings),
      server: withServer ? 'stun' : 'none',
      ...(bind && { bind }),
    })
    if (flags.json) {
      print(JSON.stringify({ network, frp }, undefined, 2))
      return frp === undefined ? 1 : 0
    }
    const { profile, servers } = network.discovery
    if (frp !== undefined) {
      const name = withServer ? undefined : config.natHoleStunServer
      printFrpReport(frp, name?.includes(',') ? undefined : name)
      print(`Local address is: ${addressesText([network.localAddress])}`)
      print(`Public Network: ${frp.isPublic}`)
    } else if (!profile.udp) {
      print('discover error: wait response from stun server timeout')
    } else {
      const seen = servers.flatMap(({ mapped }) => (mapped === undefined ? [] : [mapped]))
      print(`discover error: can not get enough addresses, need 2, got: [${addressesText(seen)}]`)
      print('name a second STUN server, --nat-hole-stun-server a:3478,b:3478, or your frps')
    }
    print('')
    for (const row of networkRows(network)) print(rowText(row))
    for (const warning of warnings) print(rowText(['Warning', warning]))
    return frp === undefined ? 1 : 0
  } catch (error) {
    print(`discover error: ${describe(error)}`)
    return 1
  }
}

function printFrpReport(
  { natType, behavior, addresses, stunServer }: FrpReport,
  name: string | undefined,
): void {
  print(`STUN server: ${name ?? addressesText([stunServer])}`)
  print(`Your NAT type is: ${natType}`)
  print(`Behavior is: ${behavior}`)
  print(`External address is: [${addressesText(addresses)}]`)
}
