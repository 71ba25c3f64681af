// Says in words why a QUIC connection ended. RFC 9000 section 20, RFC 8446 section 6.

import type { CloseReason } from '../transport/transport.ts'
import type { Connection, ConnectionFailure } from './quiche-types.ts'

const TRANSPORT_CODES: Readonly<Record<number, string>> = {
  0x0: 'no error',
  0x1: 'internal error',
  0x2: 'connection refused',
  0x3: 'flow control error',
  0x4: 'stream limit error',
  0x5: 'stream state error',
  0x7: 'frame encoding error',
  0x8: 'transport parameter error',
  0x9: 'connection id limit error',
  0xa: 'protocol violation',
  0xb: 'invalid token',
  0xc: 'application error',
}

/** TLS alerts (code 0x100 + alert) with what a user can do about them. */
const TLS_ALERTS: Readonly<Record<number, string>> = {
  40: 'TLS handshake failed: no common parameters',
  42: 'the certificate is bad',
  43: 'the certificate is of an unsupported kind',
  44: 'the certificate was revoked',
  45: 'the certificate has expired',
  46: 'the certificate was not accepted (wrong name or unknown problem)',
  48: 'the certificate is not signed by the trusted CA (transport.tls.trustedCaFile)',
  51: 'the certificate does not fit its key',
  116: 'a client certificate is required (transport.tls.certFile and keyFile)',
  120: "the other side does not speak frp's protocol (no common ALPN)",
}

function describe({ isApp, errorCode, reason }: ConnectionFailure): string {
  const text = Buffer.from(reason)
    .toString('utf8')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
  if (isApp) return text === '' ? `closed with code ${errorCode}` : text
  const known =
    errorCode >= 0x100 && errorCode < 0x200
      ? (TLS_ALERTS[errorCode - 0x100] ?? `TLS alert ${errorCode - 0x100}`)
      : (TRANSPORT_CODES[errorCode] ?? `transport error 0x${errorCode.toString(16)}`)
  return text === '' ? known : `${known} (${text})`
}

/** True when the failure is TLS's: a certificate, a name or the application protocol. */
export function isTlsFailure(native: Connection): boolean {
  const failure = native.localError() ?? native.peerError()
  return (
    failure !== null && !failure.isApp && failure.errorCode >= 0x100 && failure.errorCode < 0x200
  )
}

/** Why `native` is over. Call it once it is draining or closed. */
export function closeReason(native: Connection, idleTimeoutMs: number): CloseReason {
  const peer = native.peerError()
  if (peer) return { by: 'remote', detail: describe(peer) }
  if (native.isTimedOut()) {
    return { by: 'lost', detail: `no packet for ${Math.round(idleTimeoutMs / 1000)} s` }
  }
  const local = native.localError()
  if (local) return { by: local.isApp ? 'local' : 'lost', detail: describe(local) }
  return { by: 'lost', detail: 'the other side has restarted and does not know this connection' }
}
