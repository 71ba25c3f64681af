// Real frp, from a folder with its two binaries. Version 1 of the wire and no dashboard: frp's
// defaults.

import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { openFrpTunnel, type FrpTunnelOptions } from './frp-tunnel.ts'
import type { Peer } from './peer.ts'

const TRANSPORTS = ['quic', 'tcp', 'kcp'] as const
type FrpTransport = (typeof TRANSPORTS)[number]

const DETAILS = { quic: 'quic', tcp: 'TLS and yamux on tcp', kcp: 'TLS and yamux on kcp' } as const

export interface FrpPrograms {
  /** Their files. */
  readonly frps: string
  readonly frpc: string
  readonly version: string
}

/**
 * `directory` holds executables `frps` and `frpc`; throws with the missing one when it does not.
 * `given` is how the user named the folder: `--peer` or `FRP_BIN`.
 */
export function frpPrograms(directory: string, given: string): FrpPrograms {
  const frps = executable(directory, 'frps', given)
  const frpc = executable(directory, 'frpc', given)
  return { frps, frpc, version: versionOf(frpc) }
}

/** One of them is for suites: its proxies are secret. Throws as frpPrograms. */
export function frpPeers(directory: string, given: string): Peer[] {
  const { frps, frpc, version } = frpPrograms(directory, given)
  const programs = { server: [frps], client: [frpc], extraConfig: [], hasUdp: true } as const
  const peer = (name: string, transport: FrpTransport, isSecret: boolean): Peer => {
    const options: FrpTunnelOptions = { ...programs, peer: name, transport, isSecret }
    const words = isSecret ? 'stcp and sudp, a visitor' : 'its defaults'
    return {
      name,
      description: `frp ${version}, ${DETAILS[transport]}, ${words}`,
      transport,
      servicesAt: 'client',
      open: (site, services) => openFrpTunnel(options, site, services),
    }
  }
  return [
    ...TRANSPORTS.map(transport => peer(`frp-${transport}`, transport, false)),
    { ...peer('frp-quic-secret', 'quic', true), isExtra: true },
  ]
}

function versionOf(frpc: string): string {
  try {
    const options = { timeout: 5000, stdio: 'pipe' } as const
    return execFileSync(frpc, ['--version'], options).toString().trim()
  } catch (error) {
    throw new Error(`${frpc} does not tell its version: is it frp for this machine?`, {
      cause: error,
    })
  }
}

function executable(directory: string, name: string, given: string): string {
  const path = join(directory, name)
  try {
    accessSync(path, constants.X_OK)
  } catch (error) {
    throw new Error(`${given} ${directory}: there is no executable ${path}`, { cause: error })
  }
  return path
}
