// Who is compared, by what was asked for.

import { statSync } from 'node:fs'
import { directPeer } from './direct.ts'
import { frpPeers } from './frp.ts'
import { extraPeers, ourPeers } from './ours.ts'
import type { Peer } from './peer.ts'
import { ratholePeer } from './rathole.ts'

export { serverPeers } from './server.ts'

export interface PeerWords {
  readonly transports?: readonly string[] | undefined
  readonly peers?: readonly string[] | undefined
}

/** `direct` is the path without a tunnel. */
const TRANSPORTS = ['quic', 'tcp', 'kcp', 'direct']

/**
 * In the order of the table. `suite`: with those that only cases of suites name. Throws with one
 * line for the user when a program is missing or a word is unknown.
 */
export function choosePeers(
  { transports, peers: paths = [] }: PeerWords,
  env: NodeJS.ProcessEnv,
  kind: 'loopback' | 'lab' | 'suite',
): Peer[] {
  const { FRP_BIN: frp, RATHOLE_BIN: rathole } = env
  const all = [
    ...ourPeers(),
    ...extraPeers(),
    ...paths.flatMap(path => peersAt(path)),
    ...(frp && paths.length === 0 ? frpPeers(frp, 'FRP_BIN') : []),
    ...(rathole && paths.length === 0 ? [ratholePeer(rathole, 'RATHOLE_BIN')] : []),
    directPeer(),
  ]
  const peers = all.filter(({ isExtra }) => kind === 'suite' || isExtra !== true)
  const names = peers.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`--peer: two of them are ${twice}; name one`)
  return chosen(peers, transports)
}

function chosen(peers: Peer[], transports: readonly string[] | undefined): Peer[] {
  if (transports === undefined) return peers
  const wordOf = ({ transport }: Peer): string => (transport === 'none' ? 'direct' : transport)
  for (const word of transports) {
    if (!TRANSPORTS.includes(word)) {
      const names = TRANSPORTS.join(', ')
      throw new Error(`--transports: there is no transport "${word}"; there are ${names}`)
    }
    if (!peers.some(peer => wordOf(peer) === word)) {
      throw new Error(`--transports ${word}: only a real frp has it; name its folder with --peer`)
    }
  }
  return peers.filter(peer => transports.includes(wordOf(peer)))
}

/** A folder is a real frp, a file is rathole. */
function peersAt(path: string): Peer[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new Error(
      `--peer ${path} does not exist; it takes a folder with frps and frpc, or rathole's file`,
    )
  }
  return found.isDirectory() ? frpPeers(path, '--peer') : [ratholePeer(path, '--peer')]
}
