// What the config says about ways to peers.

import type { ClientConfig } from '../config/index.ts'
import type { HoleNetwork } from '../nathole/index.ts'
import { parseStunServers, type StunServerName } from '../peer/index.ts'

const FRP_DEFAULT_STUN = 'stun.easyvoip.com:3478'

/**
 * STUN servers for peer connections beside those of frps: only what the user has chosen, since
 * frp's default is somebody else's.
 */
export function ownStunServers({ natHoleStunServer }: ClientConfig): StunServerName[] {
  return natHoleStunServer === FRP_DEFAULT_STUN ? [] : parseStunServers(natHoleStunServer)
}

/**
 * `offered`: STUN servers that frps has told of. They come after those that the user has chosen and
 * before frp's default.
 */
export function holeNetwork(config: ClientConfig, offered: readonly string[] = []): HoleNetwork {
  const { natHoleStunServer, transport } = config
  const { keepalivePeriod, maxIdleTimeout, maxIncomingStreams } = transport.quic
  const named = natHoleStunServer.split(',').map(server => server.trim())
  const isDefault = natHoleStunServer === FRP_DEFAULT_STUN
  const servers = isDefault ? [...offered, ...named] : [...named, ...offered]
  return {
    stunServers: servers.filter(server => server !== ''),
    quic: {
      keepaliveMs: keepalivePeriod * 1_000,
      idleTimeoutMs: maxIdleTimeout * 1_000,
      maxStreams: maxIncomingStreams,
    },
  }
}
