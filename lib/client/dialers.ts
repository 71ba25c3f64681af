// From the client's config to its way to the server. Transports are imported when they are needed:
// QUIC is native code, and `frpc --version` needs neither.

import type { Clock } from '../clock.ts'
import type { ClientConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Dialer } from '../transport/transport.ts'
import type { Way } from './attempt.ts'
import { autoDialer } from './auto-dialer.ts'
import { networkFingerprint } from './network.ts'
import { resolveHost } from './resolve.ts'

export interface DialerOptions {
  readonly log: Logger
  readonly clock: Clock
}

/**
 * Rejects with CONFIG_INVALID (certificates) or UNSUPPORTED (a protocol that does not exist yet).
 */
export async function createDialer(config: ClientConfig, options: DialerOptions): Promise<Way> {
  const { protocol } = config.transport
  switch (protocol) {
    case 'auto':
      return autoDialer({
        quic: announceMissing(await quicWay(config), options.log),
        tcp: await tcpWay(config, options),
        network: networkFingerprint,
        ...options,
      })
    case 'quic':
      return quicWay(config)
    case 'tcp':
      return tcpWay(config, options)
    case 'kcp':
    case 'websocket':
    case 'wss':
      throw new TunnelError('UNSUPPORTED', `transport.protocol ${protocol} does not exist yet`)
    default:
      return protocol satisfies never
  }
}

interface Tls {
  readonly serverName: string
  readonly key?: string
  readonly cert?: string
  readonly ca?: string
}

async function tlsOf(config: ClientConfig, { withFiles }: { withFiles: boolean }): Promise<Tls> {
  const { tls } = config.transport
  const serverName = tls.serverName || config.serverAddr
  if (!withFiles) return { serverName }
  const { loadTlsMaterial } = await import('../transport/certificate.ts')
  const { key, cert, ca } = await loadTlsMaterial(tls)
  return {
    serverName,
    ...(key !== undefined && { key }),
    ...(cert !== undefined && { cert }),
    ...(ca !== undefined && { ca }),
  }
}

async function tcpWay(config: ClientConfig, { log }: DialerOptions): Promise<Way> {
  const { tcpDialer } = await import('../transport/tcp.ts')
  const { transport } = config
  const tls = transport.tls.enable && {
    ...(await tlsOf(config, { withFiles: true })),
    customFirstByte: !transport.tls.disableCustomTLSFirstByte,
  }
  const dialerTo = (host: string, connectTimeoutMs: number): Dialer =>
    tcpDialer({
      host,
      port: config.serverPort,
      log,
      connectTimeoutMs,
      localIp: transport.connectServerLocalIP,
      keepaliveMs: transport.dialServerKeepalive * 1_000,
      mux: transport.tcpMux,
      muxKeepaliveMs: transport.tcpMuxKeepaliveInterval * 1_000,
      ...(tls && { tls }),
    })
  // Node's own lookup and race of the address families, unless the user names the DNS server.
  if (config.dnsServer !== '') return inOrder(config, dialerTo)
  return dialerTo(config.serverAddr, transport.dialServerTimeout * 1_000)
}

async function quicWay(config: ClientConfig): Promise<Way> {
  const { quic, tls } = config.transport
  // As in frp: with TLS switched off QUIC still has it, but without the certificates.
  const material = await tlsOf(config, { withFiles: tls.enable })
  return inOrder(config, async (host, connectTimeoutMs) => {
    const { quicDialer } = await import('../transport/quic.ts')
    return quicDialer({
      ...material,
      host,
      port: config.serverPort,
      connectTimeoutMs,
      keepaliveMs: quic.keepalivePeriod * 1_000,
      idleTimeoutMs: quic.maxIdleTimeout * 1_000,
      maxStreams: quic.maxIncomingStreams,
      datagramBytes: quic.datagramSize,
    })
  })
}

type DialerTo = (host: string, connectTimeoutMs: number) => Dialer | Promise<Dialer>

/**
 * Tries the addresses of the server one after another, each with its share of dialServerTimeout.
 * Its dialers hold nothing but the sessions they have brought, and those have owners; so there is
 * nothing to close.
 */
function inOrder(config: ClientConfig, dialerTo: DialerTo): Way {
  return {
    async dial(options) {
      const hosts = await resolveHost(config.serverAddr, config.dnsServer)
      const shareMs = (config.transport.dialServerTimeout * 1_000) / hosts.length
      let failure: unknown
      for (const host of hosts) {
        try {
          return await (await dialerTo(host, shareMs)).dial(options)
        } catch (error) {
          if (options?.signal?.aborted) throw error
          failure ??= error
        }
      }
      throw failure
    },
    async close() {},
  }
}

/** Where the native part of QUIC is missing the log says so, once. */
function announceMissing(quic: Way, log: Logger): Way {
  let isAnnounced = false
  return {
    async dial(options) {
      try {
        return await quic.dial(options)
      } catch (error) {
        if (error instanceof TunnelError && error.code === 'UNSUPPORTED' && !isAnnounced) {
          isAnnounced = true
          log.warn(`QUIC does not work on this machine, TCP is used: ${error.detail}`)
        }
        throw error
      }
    },
    close: () => quic.close(),
  }
}
