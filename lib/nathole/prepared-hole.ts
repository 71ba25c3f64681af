// Before frps is asked: a socket, and the addresses under which others may reach it.

import { type Address, formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import { natFeature, type NatFeature } from './feature.ts'
import { findAddresses, localIps } from './find-addresses.ts'
import { HoleSockets } from './hole-sockets.ts'

export interface HoleNetwork {
  /** Of natHoleStunServer, and those that frps offers; `host:port`. */
  readonly stunServers: readonly string[]
  /** Of the QUIC connection through the hole: the client's transport.quic. */
  readonly quic: HoleQuic
}

export interface HoleQuic {
  readonly keepaliveMs: number
  readonly idleTimeoutMs: number
  readonly maxStreams: number
}

export interface PreparedHole {
  readonly sockets: HoleSockets
  /** For NatHoleVisitor and NatHoleClient. */
  readonly mapped_addrs: readonly string[]
  readonly assisted_addrs: readonly string[]
  readonly feature: NatFeature
}

export interface PrepareOptions {
  readonly network: HoleNetwork
  /** natTraversal.disableAssistedAddrs */
  readonly hidesLocal: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Rejects as findAddresses, leaving nothing open. Who prepares closes the sockets, or punches. */
export async function prepareHole(options: PrepareOptions): Promise<PreparedHole> {
  const { network, hidesLocal, clock, signal } = options
  const sockets = await HoleSockets.open()
  try {
    const mapped = await findAddresses(sockets, { servers: network.stunServers, clock, signal })
    const local = localIps()
    const assisted = local.map((ip): Address => ({ ip, port: sockets.port }))
    return {
      sockets,
      mapped_addrs: mapped.map(formatAddress),
      assisted_addrs: hidesLocal ? [] : assisted.map(formatAddress),
      feature: natFeature(mapped, local),
    }
  } catch (error) {
    await sockets.close()
    throw error
  }
}

/** As frpc says it, for the log. */
export function preparedLine({ feature, mapped_addrs, assisted_addrs }: PreparedHole): string {
  const { natType, behavior } = feature
  return (
    `nathole prepare success, nat type: ${natType}, behavior: ${behavior}, ` +
    `addresses: [${mapped_addrs.join(' ')}], assistedAddresses: [${assisted_addrs.join(' ')}]`
  )
}
