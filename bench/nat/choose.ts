// Whom the nat bench asks: this build, and real frp with each protocol of its xtcp visitors.

import { VERSION } from '../../lib/version.ts'
import { frpPrograms } from '../peers/frp.ts'
import { ownProgram } from '../peers/own-program.ts'
import type { NatPeer } from './peers.ts'

export function ourXtcpPeer(): NatPeer {
  return {
    name: 'ours-xtcp',
    description: `quicfrp ${VERSION}, xtcp, its defaults`,
    isOurs: true,
    frps: [process.execPath, ownProgram('frps')],
    frpc: [process.execPath, ownProgram('frpc')],
    visitor: [],
  }
}

/** Throws as frpPrograms. */
export function frpXtcpPeers(directory: string, given: string): NatPeer[] {
  const { frps, frpc, version } = frpPrograms(directory, given)
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
