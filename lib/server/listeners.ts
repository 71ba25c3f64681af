// Which listeners a config asks for, and opening them: TCP on bindPort, QUIC on UDP with the same
// number unless the config moves it or KCP holds that port. Error texts are frp's (frp-surface.md
// section 1.2).

import { type Address, formatAddress } from '../address.ts'
import type { ServerConfig } from '../config/index.ts'
import { errorText, systemCode, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Listener, ListenerEvents } from '../transport/transport.ts'

/** Opens one listener; rejects with the system's error or a TunnelError. */
export type OpenListener = (address: Address, events: ListenerEvents) => Promise<Listener>

export interface ListenerFactories {
  readonly tcp: OpenListener
  /** Rejects with UNSUPPORTED where the native QUIC binding does not exist. */
  readonly quic: OpenListener
}

/**
 * How often another port is tried when bindPort is 0 and QUIC's UDP port with the same number is
 * taken.
 */
const SAME_NUMBER_TRIES = 10

/**
 * Opens what the config asks for; all or nothing. Rejects with ADDRESS_IN_USE for a port that is
 * taken, CONFIG_INVALID for an address that is not ours or not allowed.
 */
export async function openListeners(
  config: ServerConfig,
  factories: ListenerFactories,
  events: ListenerEvents,
): Promise<Listener[]> {
  const { log } = events
  const isAnyPort = config.bindPort === 0 && config.quicBindPort === 0
  for (let tries = 1; ; tries++) {
    const tcp = await openTcp(config, factories.tcp, events)
    try {
      const quic = await openQuic(config, tcp.address.port, factories.quic, events)
      logListeners(log, config, tcp, quic)
      return quic === undefined ? [tcp] : [tcp, quic]
    } catch (error) {
      await tcp.close()
      const isTaken = error instanceof TunnelError && error.code === 'ADDRESS_IN_USE'
      if (!isAnyPort || !isTaken || tries >= SAME_NUMBER_TRIES) throw error
    }
  }
}

async function openTcp(
  config: ServerConfig,
  open: OpenListener,
  events: ListenerEvents,
): Promise<Listener> {
  const address = { ip: config.bindAddr, port: config.bindPort }
  try {
    return await open(address, events)
  } catch (error) {
    throw listenError('create server listener error, listen tcp', address, error)
  }
}

async function openQuic(
  config: ServerConfig,
  tcpPort: number,
  open: OpenListener,
  events: ListenerEvents,
): Promise<Listener | undefined> {
  if (config.quicBindPort < 0) {
    events.log.info(`quic is off: kcpBindPort holds udp port ${config.kcpBindPort}`)
    return undefined
  }
  const address = { ip: config.bindAddr, port: config.quicBindPort || tcpPort }
  try {
    return await open(address, events)
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'UNSUPPORTED') {
      events.log.warn(`quic is not available here, tcp only: ${error.detail}`)
      return undefined
    }
    const prefix = `listen on quic udp address ${formatAddress(address)} error: listen udp`
    throw listenError(prefix, address, error)
  }
}

function logListeners(
  log: Logger,
  config: ServerConfig,
  tcp: Listener,
  quic: Listener | undefined,
): void {
  const shown = (listener: Listener): string =>
    formatAddress({ ip: config.bindAddr, port: listener.address.port })
  log.info(`frps tcp listen on ${shown(tcp)}`)
  if (quic !== undefined) log.info(`frps quic listen on ${shown(quic)}`)
}

/** As Go words it, since people search for these texts. */
function listenError(prefix: string, address: Address, cause: unknown): TunnelError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'address already in use',
    EACCES: 'permission denied',
    EADDRNOTAVAIL: 'cannot assign requested address',
  }
  const isTaken = cause instanceof TunnelError && cause.code === 'ADDRESS_IN_USE'
  // The system's code knows better: a port that is not allowed is not in use.
  const code = systemCodeBelow(cause) ?? (isTaken ? 'EADDRINUSE' : undefined)
  const reason = code === undefined ? undefined : reasons[code]
  // A certificate, not an address.
  if (reason === undefined && cause instanceof TunnelError) return cause
  const detail = `${prefix} ${formatAddress(address)}: ${
    reason === undefined ? errorText(cause) : `bind: ${reason}`
  }`
  return new TunnelError(code === 'EADDRINUSE' ? 'ADDRESS_IN_USE' : 'CONFIG_INVALID', detail, {
    cause,
  })
}

/** The system's code (`EADDRINUSE`) of an error or of what caused it. */
export function systemCodeBelow(error: unknown): string | undefined {
  if (error instanceof TunnelError) return systemCodeBelow(error.cause)
  return systemCode(error)
}
