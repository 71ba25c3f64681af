// One look at this machine's network, for `frpc nathole discover` and `frpc doctor`: what STUN
// servers see, and what the router maps. Nothing stays open or mapped.

import { createSocket } from 'node:dgram'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { type Discovery, type Prognosis, prognosis } from '../../nat/index.ts'
import { interfaceAddresses } from '../interfaces.ts'
import { discoverNat, type StunServerName } from './discovery.ts'
import { findGateway, localIpTowards, type Gateway } from './gateway.ts'
import type { ServerView } from './keeper.ts'
import { PeerPort } from './port.ts'
import { PortMappingKeeper, type PortMappingReport } from './portmap.ts'

export interface ExamineOptions {
  /** Asked in any case, and first. */
  readonly stunServers: readonly StunServerName[]
  /** Asked where the session with frps names none. */
  readonly otherStunServers?: readonly StunServerName[]
  /** The session with frps, once there is one or none can be had. */
  readonly server?: Promise<ServerView | undefined>
  /** Whether the router is asked for a mapping. */
  readonly mapsPorts: boolean
  /** Default: any address and port. */
  readonly bind?: Address | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly signal?: AbortSignal
  /** Default: the system's. */
  readonly findGateway?: () => Promise<Gateway | undefined>
}

export interface NetworkReport {
  /** Of the socket that was asked about; the ip is the one towards the internet, where known. */
  readonly localAddress: Address
  /** Of all interfaces, without loopback. */
  readonly localIps: readonly string[]
  readonly discovery: Discovery
  /** Undefined when it was not asked for. */
  readonly portMapping: PortMappingReport | undefined
  readonly prognosis: Prognosis
}

/** Any address of the internet, to learn the source address towards it; nothing is sent. */
const SOMEWHERE = '198.51.100.1'

/**
 * Takes one to four seconds. Rejects with UNSUPPORTED where no UDP socket can be opened, and with
 * ABORTED.
 */
export async function examineNetwork(options: ExamineOptions): Promise<NetworkReport> {
  const { clock, log, signal, stunServers, otherStunServers = [] } = options
  const port = await PeerPort.open(options.bind)
  let mapping: MappingTrial | undefined
  try {
    mapping = options.mapsPorts ? await tryMapping(options) : undefined
    const server = await options.server
    await mapping?.keeper.settled
    const portMapping = mapping?.keeper.report
    const { requestFilterTest, stunServers: offered = [] } = server ?? {}
    const discovery = await discoverNat({
      port,
      servers: [...stunServers, ...(offered.length > 0 ? offered : otherStunServers)],
      clock,
      log,
      gatewayIp: gatewayIpOf(portMapping),
      ...(signal && { signal }),
      ...(requestFilterTest && { requestFilterTest }),
    })
    const { ip, port: localPort } = port.address
    const localIp = options.bind?.ip ?? (await localIpTowards(SOMEWHERE)) ?? ip
    return {
      localAddress: { ip: localIp, port: localPort },
      localIps: interfaceAddresses().map(address => address.ip),
      discovery,
      portMapping,
      prognosis: prognosis(discovery.profile, portMapping?.mapping?.external.ip),
    }
  } finally {
    await Promise.all([mapping?.close(), port.close()])
  }
}

/** The gateway's own address on its other side, from whichever protocol knows it. */
export function gatewayIpOf(report: PortMappingReport | undefined): string | undefined {
  return report?.protocols.find(({ externalIp }) => externalIp !== undefined)?.externalIp
}

interface MappingTrial {
  readonly keeper: PortMappingKeeper
  close(): Promise<void>
}

/**
 * Maps another port than the one that servers are asked about: a mapping would let in whatever the
 * filter test sends.
 */
async function tryMapping(options: ExamineOptions): Promise<MappingTrial | undefined> {
  const { clock, log } = options
  const socket = createSocket('udp4')
  const isBound = await new Promise<boolean>(resolve => {
    socket.once('error', () => resolve(false))
    socket.bind(0, () => resolve(true))
  })
  if (!isBound) return undefined
  const { port } = socket.address()
  const lookUp = options.findGateway ?? findGateway
  const keeper = new PortMappingKeeper({ port, clock, log, findGateway: lookUp })
  keeper.start()
  return {
    keeper,
    async close() {
      await keeper.close()
      socket.close()
    },
  }
}
