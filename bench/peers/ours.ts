// quicfrp as its user starts it: the two commands of this build, each a process of its own.

import { VERSION } from '../../lib/version.ts'
import { openFrpTunnel, type FrpTunnelOptions } from './frp-tunnel.ts'
import { ownProgram } from './own-program.ts'
import type { Peer } from './peer.ts'

/**
 * The payload of one datagram on an Ethernet path of 1500 bytes, which frp's quic starts from as
 * well.
 */
const ETHERNET_DATAGRAM_BYTES = 1452

export function ourPeers(): Peer[] {
  return [ourPeer('ours-quic', 'quic'), ourPeer('ours-tcp', 'tcp')]
}

/**
 * Ours in quic with the datagrams of an Ethernet path, for loopback, where larger ones fit; and
 * with nothing sent twice that a udp proxy carries; and with secret proxies and a visitor.
 */
export function extraPeers(): Peer[] {
  const ethernet = [`transport.quic.datagramSize = ${ETHERNET_DATAGRAM_BYTES}`]
  const once = ['transport.udpRedundancy = 0']
  const name = `ours-quic-${ETHERNET_DATAGRAM_BYTES}`
  return [
    { ...ourPeer(name, 'quic', { extraConfig: ethernet }), isExtra: true },
    { ...ourPeer('ours-quic-once', 'quic', { udpConfig: once }), isExtra: true },
    { ...ourPeer('ours-quic-secret', 'quic', { isSecret: true }), isExtra: true },
  ]
}

function ourPeer(
  name: string,
  transport: 'quic' | 'tcp',
  lines: Partial<Pick<FrpTunnelOptions, 'extraConfig' | 'udpConfig' | 'isSecret'>> = {},
): Peer {
  const { extraConfig = [], udpConfig = [], isSecret = false } = lines
  const changes = [...extraConfig, ...udpConfig, ...(isSecret ? ['stcp and sudp, a visitor'] : [])]
  const detail = changes.length === 0 ? 'its defaults' : changes.join(', ')
  return {
    name,
    description: `quicfrp ${VERSION}, ${transport}, ${detail}`,
    transport,
    servicesAt: 'client',
    open: (site, services) => {
      const server = [process.execPath, ownProgram('frps')] as const
      const client = [process.execPath, ownProgram('frpc')] as const
      const programs = { peer: name, transport, server, client }
      const options = { ...programs, extraConfig, udpConfig, isSecret, hasUdp: true }
      return openFrpTunnel(options, site, services)
    },
  }
}
