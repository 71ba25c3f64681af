// QUIC as a transport: frp's streams without yamux (frp-wire.md section 1.5). The native binding is
// loaded on first use.

import { hkdfSync } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { formatAddress, type Address } from '../address.ts'
import { MAX_DELAY_MS } from '../clock.ts'
import { errorText, systemCode, TunnelError } from '../errors.ts'
import { loadQuiche, QuicEndpoint, type QuicConnection, type QuicOptions } from '../quic/index.ts'
import { openUdpSocket } from '../udp/index.ts'
import { QuicSession } from './quic-session.ts'
import type { Dialer, Listener, ListenerEvents } from './transport.ts'

export interface QuicListenOptions extends QuicOptions {
  readonly address: Address
  /**
   * Keys the stateless resets; anything that is secret and the same after a restart (the auth
   * token).
   */
  readonly resetSecret?: string
}

export interface QuicDialOptions extends QuicOptions {
  readonly host: string
  readonly port: number
  /** Name in SNI and, with a CA, in the certificate. Default: `host`. */
  readonly serverName?: string
  /**
   * Longest wait for the handshake, milliseconds. frp's transport.dialServerTimeout, default there
   * 10_000.
   */
  readonly connectTimeoutMs: number
}

/** True where the native binding loads; otherwise the loader's reason, for one log line. */
export async function quicSupport(): Promise<true | string> {
  try {
    await loadQuiche()
    return true
  } catch (error) {
    return errorText(error).split('\n')[0] ?? 'unknown reason'
  }
}

/**
 * Opens a QUIC server. Rejects with ADDRESS_IN_USE, CONFIG_INVALID (an address that is not ours or
 * not allowed), TLS_FAILED (certificate or key) or UNSUPPORTED.
 */
export async function listenQuic(
  options: QuicListenOptions,
  events: ListenerEvents,
): Promise<Listener> {
  const quiche = await loadQuiche().catch((error: unknown) => {
    throw new TunnelError('UNSUPPORTED', 'QUIC is not available on this platform', { cause: error })
  })
  const socket = await openUdpSocket(options.address).catch((error: unknown) => {
    throw bindError(options.address, error)
  })
  const { resetSecret: secret, ...quicOptions } = options
  const resetSecret =
    secret === undefined
      ? undefined
      : Buffer.from(hkdfSync('sha256', secret, 'quicfrp', 'stateless reset', 32))
  let endpoint: QuicEndpoint
  try {
    endpoint = new QuicEndpoint(quiche, socket, {
      ...quicOptions,
      ...(resetSecret && { resetSecret }),
      onForeign: (data, from) => {
        events.onForeign?.(data, from, answer => {
          socket.send(answer, answer.length, from)
        })
      },
      onConnection: connection => events.onSession(new QuicSession(connection, socket.address)),
    })
  } catch (error) {
    await socket.close()
    throw new TunnelError('TLS_FAILED', 'the certificate or key cannot be used for QUIC', {
      cause: error,
    })
  }
  return {
    protocol: 'quic',
    address: socket.address,
    close: () => endpoint.close('the server is going away'),
  }
}

function bindError(address: Address, error: unknown): TunnelError {
  const place = `udp ${formatAddress(address)}`
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new TunnelError('ADDRESS_IN_USE', `listen ${place}: bind: address already in use`, {
        cause: error,
      })
    case 'EACCES':
      return new TunnelError('CONFIG_INVALID', `listen ${place}: bind: permission denied`, {
        cause: error,
      })
    case 'EADDRNOTAVAIL':
      return new TunnelError(
        'CONFIG_INVALID',
        `listen ${place}: bind: cannot assign requested address`,
        { cause: error },
      )
    default:
      return new TunnelError('CONFIG_INVALID', `listen ${place}: ${errorText(error)}`, {
        cause: error,
      })
  }
}

/**
 * A client's way to one QUIC server. Each session has its own socket, so that a dead one takes
 * nothing along.
 */
export function quicDialer(options: QuicDialOptions): Dialer {
  const sessions = new Set<QuicSession>()
  return {
    protocol: 'quic',
    async dial({ signal } = {}) {
      const session = await dial(options, signal)
      sessions.add(session)
      void session.closed.then(() => sessions.delete(session))
      return session
    },
    async close() {
      await Promise.all([...sessions].map(session => session.close()))
    },
  }
}

async function dial(
  options: QuicDialOptions,
  signal: AbortSignal | undefined,
): Promise<QuicSession> {
  signal?.throwIfAborted()
  const place = `${options.host}:${options.port}/udp`
  const quiche = await loadQuiche().catch((error: unknown) => {
    throw new TunnelError('UNSUPPORTED', 'QUIC is not available on this platform', { cause: error })
  })
  const addresses = await resolve(options.host)
  let failure: unknown
  for (const ip of addresses) {
    const bind = { ip: ip.includes(':') ? '::' : '0.0.0.0', port: 0 }
    const socket = await openUdpSocket(bind)
    let endpoint: QuicEndpoint
    try {
      endpoint = new QuicEndpoint(quiche, socket, options)
    } catch (error) {
      await socket.close()
      throw new TunnelError('TLS_FAILED', 'the certificate, key or CA file cannot be used', {
        cause: error,
      })
    }
    try {
      const connection = await handshake(endpoint, { ip, port: options.port }, options, signal)
      return new QuicSession(connection, socket.address, endpoint)
    } catch (error) {
      await endpoint.close('giving up')
      failure = error
      if (signal?.aborted) break
    }
  }
  if (signal?.aborted) throw new TunnelError('ABORTED', `dialling ${place} was given up`)
  if (failure instanceof TunnelError) {
    throw new TunnelError(failure.code, `${place}: ${failure.detail}`, { cause: failure })
  }
  throw new TunnelError('CONNECT_FAILED', `${place}: ${errorText(failure)}`, { cause: failure })
}

/** IPv4 and IPv6 answers in the resolver's order. */
async function resolve(host: string): Promise<string[]> {
  if (isIP(host)) return [host === '0.0.0.0' ? '127.0.0.1' : host]
  try {
    const answers = await lookup(host, { all: true })
    return answers.map(({ address }) => address)
  } catch (error) {
    throw new TunnelError('CONNECT_FAILED', `the name ${host} cannot be resolved`, { cause: error })
  }
}

async function handshake(
  endpoint: QuicEndpoint,
  to: Address,
  options: QuicDialOptions,
  signal: AbortSignal | undefined,
): Promise<QuicConnection> {
  const facts = await endpoint.probe(to)
  signal?.throwIfAborted()
  const serverName = options.serverName || options.host
  const connection = endpoint.connect(to, { ...facts, serverName })
  const seconds = Math.round(options.connectTimeoutMs / 1000)
  const timer = setTimeout(
    () => connection.close(0, `no answer in ${seconds} s: is this UDP port open in the firewall?`),
    Math.min(options.connectTimeoutMs, MAX_DELAY_MS),
  )
  const onAbort = (): void => connection.close(0, 'aborted')
  signal?.addEventListener('abort', onAbort)
  try {
    await connection.ready
    return connection
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
