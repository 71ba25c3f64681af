// TLS as frp sets it up (frp-wire.md §1.3): the client does not verify the server unless it has a
// CA; the server asks for client certificates when it has one. Texts of failures say what the user
// can change.

import { isIP, type Socket } from 'node:net'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { errorText, systemCode, TunnelError } from '../errors.ts'

/**
 * AES-128-GCM first: with AES in hardware it is the fastest, and as safe as the rest of TLS 1.3.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

export interface TlsServerOptions {
  /** PEM. */
  readonly key: string
  readonly cert: string
  /** PEM. When set, clients must show a certificate that it signed. */
  readonly ca?: string
}

/**
 * A TLS server without a port: connections are given to it with `emit('connection', socket)`.
 * Throws TLS_FAILED when key and certificate do not fit.
 */
export function createTlsServer(options: TlsServerOptions, handshakeTimeoutMs: number): Server {
  const { key, cert, ca } = options
  try {
    return createServer({
      key,
      cert,
      // Node would drop a client with a bad certificate without a word; `clientRefusal` has the
      // word.
      ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
      ciphers: CIPHERS,
      honorCipherOrder: true,
      minVersion: 'TLSv1.2',
      handshakeTimeout: handshakeTimeoutMs,
      allowHalfOpen: true,
    })
  } catch (error) {
    const detail = `the server's certificate cannot be used: ${errorText(error)}`
    throw new TunnelError('TLS_FAILED', detail, { cause: error })
  }
}

/** Why a server with a CA must refuse this client, or undefined. */
export function clientRefusal(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined
  const certificate: object | null = socket.getPeerCertificate()
  if (!certificate || Object.keys(certificate).length === 0) return 'it shows no client certificate'
  // Typed as an Error, but Node puts the code of the failure there.
  const code = String(socket.authorizationError)
  return code === 'CERT_HAS_EXPIRED'
    ? 'its client certificate has expired'
    : `its client certificate is not signed by transport.tls.trustedCaFile (${code})`
}

export interface TlsClientOptions {
  /** SNI and, with a CA, the name that the certificate must have. */
  readonly serverName: string
  /** PEM. Without it any certificate is accepted, as in frp. */
  readonly ca?: string
  /** PEM, for servers that ask for a client certificate. */
  readonly key?: string
  readonly cert?: string
}

/**
 * Handshakes on a connected socket. Rejects with TLS_FAILED; the caller bounds the time by
 * destroying the socket.
 */
export function connectTls(socket: Socket, options: TlsClientOptions): Promise<TLSSocket> {
  const { serverName, ca, key, cert } = options
  const isVerified = ca !== undefined
  return new Promise((resolve, reject) => {
    const secure = connect({
      socket,
      host: serverName, // what the certificate is checked against
      ...(isIP(serverName) === 0 && serverName !== '' && { servername: serverName }),
      ...(isVerified && { ca }),
      ...(key !== undefined && cert !== undefined && { key, cert }),
      rejectUnauthorized: isVerified,
      ciphers: CIPHERS,
      minVersion: 'TLSv1.2',
    })
    const settle = (): void => {
      secure.off('error', onError)
      secure.off('close', onClose)
      secure.off('secureConnect', onSecure)
    }
    const onSecure = (): void => {
      settle()
      resolve(secure)
    }
    const onError = (error: Error): void => {
      settle()
      secure.on('error', () => {}) // whatever follows the first failure says nothing new
      const detail = `TLS with ${serverName}: ${explain(error, serverName)}`
      secure.destroy()
      reject(new TunnelError('TLS_FAILED', detail, { cause: error }))
    }
    const onClose = (): void => {
      onError(new Error('the peer closed the connection during the handshake'))
    }
    secure.on('error', onError)
    secure.on('close', onClose)
    secure.on('secureConnect', onSecure)
  })
}

/** Why a handshake with a client failed, at the server. */
export function explainClient(error: unknown): string {
  const code = systemCode(error) ?? ''
  if (code === 'ECONNRESET') return 'it left during the handshake'
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'it did not finish the handshake in time'
  if (/^ERR_SSL_.*ALERT_(UNKNOWN_CA|BAD_CERT|CERTIFICATE)/.test(code)) {
    return "it does not accept this server's certificate (its transport.tls.trustedCaFile?)"
  }
  if (/^ERR_SSL_(UNSUPPORTED_PROTOCOL|.*PROTOCOL_VERSION|NO_SHARED_CIPHER)/.test(code)) {
    return 'it speaks no TLS version from 1.2 on that this server does'
  }
  // OpenSSL's own texts have addresses and source lines in them.
  return code.startsWith('ERR_SSL_') ? `it does not speak TLS (${code})` : errorText(error)
}

/** Why a handshake with a server failed, at the client: OpenSSL's and Node's codes in words. */
function explain(error: unknown, serverName: string): string {
  switch (systemCode(error)) {
    case 'CERT_HAS_EXPIRED':
      return 'the server certificate has expired'
    case 'CERT_NOT_YET_VALID':
      return 'the server certificate is not valid yet (is the clock right?)'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the server certificate is not for ${serverName} (set transport.tls.serverName)`
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'the server certificate is not signed by transport.tls.trustedCaFile'
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'the server does not answer with TLS'
    case 'ECONNRESET':
      return 'the peer closed the connection during the handshake'
    default:
      return errorText(error)
  }
}
