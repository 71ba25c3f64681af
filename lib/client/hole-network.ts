// What the config says about hole punching with real frp.

import type { ClientConfig } from '../config/index.ts'
import type { HoleNetwork } from '../nathole/index.ts'

/** `offered`: STUN servers that frps has told of; they are nearer than any other. */
export function holeNetwork(config: ClientConfig, offered: readonly string[] = []): HoleNetwork {
  const { natHoleStunServer, transport } = config
  const { keepalivePeriod, maxIdleTimeout, maxIncomingStreams } = transport.quic
  const named = natHoleStunServer.split(',').map(server => server.trim())
  return {
    stunServers: [...named, ...offered].filter(server => server !== ''),
    quic: {
      keepaliveMs: keepalivePeriod * 1_000,
      idleTimeoutMs: maxIdleTimeout * 1_000,
      maxStreams: maxIncomingStreams,
    },
  }
}
