// quicfrp as its user starts it: the two commands of this build, each a process of its own.

import { accessSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openFrpTunnel } from './frp-tunnel.ts'
import type { Peer } from './peer.ts'

/**
 * The payload of one datagram on an Ethernet path of 1500 bytes, which frp's quic starts from as
 * well.
 */
const ETHERNET_DATAGRAM_BYTES = 1452

export function ourPeers(): Peer[] {
  return [
    ourPeer('ours-quic', 'quic', []),
    ourPeer(`ours-quic-${ETHERNET_DATAGRAM_BYTES}`, 'quic', [
      `transport.quic.datagramSize = ${ETHERNET_DATAGRAM_BYTES}`
    ]),
    ourPeer('ours-tcp', 'tcp', [])
  ]
}

function ourPeer(name: string, protocol: 'quic' | 'tcp', extraConfig: readonly string[]): Peer {
  const detail = extraConfig.length === 0 ? 'its defaults' : extraConfig.join(', ')
  return {
    name,
    description: `quicfrp ${ourVersion()}, ${protocol}, ${detail}`,
    open: services => {
      const server = [process.execPath, command('frps')] as const
      const client = [process.execPath, command('frpc')] as const
      return openFrpTunnel({ peer: name, protocol, server, client, extraConfig }, services)
    }
  }
}

export function ourVersion(): string {
  // dist/bench/peers/ours.js: the package is three folders up.
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string } // our own file
  return version
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
