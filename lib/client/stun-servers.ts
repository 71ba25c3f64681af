// The STUN servers inside frps, as LoginResp tells of them: at the address of the session, or at
// the server's other one.

import { isIP } from 'node:net'
import type { StunServerName } from '../peer/index.ts'
import type { ServerExtension } from '../wire/messages.ts'

/** What is believed of LoginResp. */
export interface StunOffer {
  readonly port: number
  readonly secondPort: number
  readonly other: { readonly host: string; readonly port: number } | undefined
}

/** Undefined where the server answers no STUN. */
export function stunOfferOf(extension: ServerExtension | undefined): StunOffer | undefined {
  if (extension === undefined || !extension.stun_port) return undefined
  const { stun_port: port, stun_second_port: secondPort = 0 } = extension
  const { stun_other_ip: host, stun_other_port: otherPort } = extension
  const other = otherPort && isIP(host) !== 0 ? { host, port: otherPort } : undefined
  return { port, secondPort, other }
}

/**
 * `serverIp` is where the session goes; `serverAddr` may be a name that has an address of the other
 * IP version, too. The filter test needs a session in which this side can open streams.
 */
export function stunServersOf(
  offer: StunOffer | undefined,
  server: {
    readonly serverIp: string
    readonly serverAddr: string
    readonly hasFilterTest: boolean
  },
): StunServerName[] {
  if (offer === undefined) return []
  const { port, secondPort, other } = offer
  const { serverIp, serverAddr, hasFilterTest } = server
  const ports = { port, ...(secondPort !== 0 && { otherPort: secondPort }) }
  return [
    { host: serverIp, ...ports, hasFilterTest },
    ...(isIP(serverAddr) === 0 && serverAddr !== '' ? [{ host: serverAddr, ...ports }] : []),
    ...(other ? [other] : []),
  ]
}
