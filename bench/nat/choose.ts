// Whom the nat bench asks: this build, and real frp with each protocol of its xtcp visitors.

import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../lib/version.ts'
import type { NatPeer } from './peers.ts'

export function ourXtcpPeer(): NatPeer {
  return {
    name: 'ours-xtcp',
    description: `quicfrp ${VERSION}, xtcp, its defaults`,
    isOurs: true,
    frps: [process.execPath, command('frps')],
    frpc: [process.execPath, command('frpc')],
    visitor: [],
  }
}

/** `given` is how the user named the folder. Throws with the program that is missing there. */
export function frpXtcpPeers(directory: string, given: string): NatPeer[] {
  const [frps, frpc] = [join(directory, 'frps'), join(directory, 'frpc')]
  let version: string
  try {
    for (const file of [frps, frpc]) accessSync(file, constants.X_OK)
    version = execFileSync(frpc, ['--version'], { timeout: 5000 }).toString().trim()
  } catch (error) {
    throw new Error(`${given} ${directory}: there are no frps and frpc for this machine`, {
      cause: error,
    })
  }
  const common = { isOurs: false, frps: [frps], frpc: [frpc] }
  return [
    {
      ...common,
      name: 'frp-xtcp',
      description: `frp ${version}, xtcp on quic, its defaults`,
      visitor: [],
    },
    {
      ...common,
      name: 'frp-xtcp-kcp',
      description: `frp ${version}, xtcp on kcp`,
      visitor: ['protocol = "kcp"'],
    },
  ]
}

function command(name: 'frps' | 'frpc'): string {
  const path = fileURLToPath(new URL(`../../cli/${name}.js`, import.meta.url))
  try {
    accessSync(path)
  } catch (error) {
    throw new Error(`${path} does not exist: run "npm run build" first`, { cause: error })
  }
  return path
}
