// From the client's config to its way to the server. Transports are imported when they are needed: QUIC is native code,
// and `frpc --version` needs neither.

import type { Clock } from '../clock.ts'
import type { ClientConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Session } from '../transport/transport.ts'
import type { Way } from './attempt.ts'
import { autoDialer } from './auto-dialer.ts'
import { networkFingerprint } from './network.ts'
import { resolveHost } from './resolve.ts'

export interface DialerOptions {
  readonly log: Logger
  readonly clock: Clock
}

/** Rejects with CONFIG_INVALID (certificates) or UNSUPPORTED (a protocol that does not exist yet). */
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

async function tlsOf(config: ClientConfig): Promise<Tls> {
  const { loadTlsMaterial } = await import('../transport/certificate.ts')
  const { tls } = config.transport
  const { key, cert, ca } = await loadTlsMaterial(tls)
  return {
    serverName: tls.serverName || config.serverAddr,
    ...(key !== undefined && { key }),
    ...(cert !== undefined && { cert }),
    ...(ca !== undefined && { ca }),
  }
}

async function tcpWay(config: ClientConfig, { log }: DialerOptions): Promise<Way> {
  const { tcpDialer } = await import('../transport/tcp.ts')
  const { transport } = config
  return tcpDialer({
    host: config.serverAddr,
    port: config.serverPort,
    log,
    mux: transport.tcpMux,
    ...(transport.tls.enable && {
      tls: {
        ...(await tlsOf(config)),
        customFirstByte: !transport.tls.disableCustomTLSFirstByte,
      },
    }),
  })
}

/** With the addresses of the name tried in order, each with its share of the time. */
async function quicWay(config: ClientConfig): Promise<Way> {
  const { quic, tls, dialServerTimeout } = config.transport
  // As in frp: with TLS switched off QUIC still has it, but without the certificates.
  const material = tls.enable ? await tlsOf(config) : { serverName: config.serverAddr }
  return {
    async dial({ signal } = {}) {
      const { quicDialer } = await import('../transport/quic.ts')
      const hosts = await resolveHost(config.serverAddr, config.dnsServer)
      let failure: unknown
      for (const host of hosts) {
        const dialer = quicDialer({
          ...material,
          host,
          port: config.serverPort,
          keepaliveMs: quic.keepalivePeriod * 1_000,
          idleTimeoutMs: quic.maxIdleTimeout * 1_000,
          maxStreams: quic.maxIncomingStreams,
          datagramBytes: quic.datagramSize,
          connectTimeoutMs: (dialServerTimeout * 1_000) / hosts.length,
        })
        try {
          return ownedBy(await dialer.dial(signal ? { signal } : {}), dialer)
        } catch (error) {
          await dialer.close()
          if (signal?.aborted) throw error
          failure ??= error
        }
      }
      throw failure
    },
    async close() {},
  }
}

/** The dialer of one session ends with it. */
function ownedBy(session: Session, dialer: Way): Session {
  void session.closed.then(() => dialer.close())
  return session
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
