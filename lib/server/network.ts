// The real listeners of a config: TCP and QUIC with one certificate. What is opened where is
// decided in listeners.ts. The transports are imported when a server starts: QUIC is native code,
// and nobody else needs it.

import type { Address } from '../address.ts'
import type { ServerConfig } from '../config/index.ts'
import type { Listener, ListenerEvents } from '../transport/transport.ts'
import { openListeners, systemCodeBelow } from './listeners.ts'
import { resetSecretOf } from './reset-secret.ts'

interface Certificate {
  readonly key: string
  readonly cert: string
  readonly ca?: string
}

/** Rejects with ADDRESS_IN_USE, CONFIG_INVALID or TLS_FAILED. */
export async function openNetwork(
  config: ServerConfig,
  events: ListenerEvents,
): Promise<Listener[]> {
  const certificate = await certificateOf(config, events)
  const { transport } = config
  const { listenTcp } = await import('../transport/tcp.ts')
  const openTcp = (address: Address): Promise<Listener> =>
    listenTcp(
      {
        address,
        mux: transport.tcpMux,
        muxKeepaliveMs: transport.tcpMuxKeepaliveInterval * 1000,
        keepaliveMs: transport.tcpKeepalive * 1000,
        tls: { ...certificate, force: transport.tls.force },
      },
      events,
    )
  const resetSecret = await resetSecretOf(config)
  const openQuic = async (address: Address): Promise<Listener> => {
    const { listenQuic } = await import('../transport/quic.ts')
    const { quic } = transport
    const options = {
      ...certificate,
      keepaliveMs: quic.keepalivePeriod * 1000,
      idleTimeoutMs: quic.maxIdleTimeout * 1000,
      maxStreams: quic.maxIncomingStreams,
      datagramBytes: quic.datagramSize,
      ...(resetSecret !== undefined && { resetSecret }),
    }
    return await onAllFamilies(address, at => listenQuic({ ...options, address: at }, events))
  }
  return await openListeners(config, { tcp: openTcp, quic: openQuic }, events)
}

/** 0.0.0.0 means IPv6 too, as in Go, unless this machine has none. */
async function onAllFamilies(
  address: Address,
  open: (address: Address) => Promise<Listener>,
): Promise<Listener> {
  if (address.ip !== '0.0.0.0' && address.ip !== '') return await open(address)
  try {
    return await open({ ...address, ip: '::' })
  } catch (error) {
    const code = systemCodeBelow(error)
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error
    return await open({ ...address, ip: '0.0.0.0' })
  }
}

async function certificateOf(config: ServerConfig, { log }: ListenerEvents): Promise<Certificate> {
  const { loadTlsMaterial, selfSignedCertificate } = await import('../transport/certificate.ts')
  const { key, cert, ca, warnings } = await loadTlsMaterial(config.transport.tls)
  for (const warning of warnings) log.warn(warning)
  const isGiven = key !== undefined && cert !== undefined
  const pair = isGiven ? { key, cert } : await selfSignedCertificate()
  return ca === undefined ? pair : { ...pair, ca }
}
