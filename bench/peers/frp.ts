// Real frp, from the binaries that FRP_BIN names. Version 1 of the wire and no dashboard: frp's
// defaults.

import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { openFrpTunnel } from './frp-tunnel.ts'
import type { Peer } from './peer.ts'

const DETAILS = { quic: 'quic', tcp: 'TLS and yamux on tcp' } as const

/**
 * `directory` holds executables `frps` and `frpc`; throws with the missing one when it does not.
 */
export function frpPeers(directory: string): Peer[] {
  const frps = executable(directory, 'frps')
  const frpc = executable(directory, 'frpc')
  const version = execFileSync(frpc, ['--version'], { encoding: 'utf8' }).trim()
  return (['quic', 'tcp'] as const).map(protocol => {
    const name = `frp-${protocol}`
    const options = {
      peer: name,
      protocol,
      server: [frps],
      client: [frpc],
      extraConfig: []
    } as const
    return {
      name,
      description: `frp ${version}, ${DETAILS[protocol]}, its defaults`,
      open: services => openFrpTunnel(options, services)
    }
  })
}

function executable(directory: string, name: string): string {
  const path = join(directory, name)
  try {
    accessSync(path, constants.X_OK)
  } catch (error) {
    throw new Error(`FRP_BIN is ${directory}, but there is no executable ${path}`, { cause: error })
  }
  return path
}
