// Certificates and keys for TLS and QUIC: read from files with errors that name the file, or made
// in memory when the config names none. What they are used for is decided by tls.ts and the QUIC
// endpoint.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { errorText, TunnelError } from '../errors.ts'

const HOUR_MS = 3_600_000
const YEAR_MS = 365.25 * 24 * HOUR_MS

/** PEM texts. */
export interface KeyPair {
  readonly key: string
  readonly cert: string
}

/** Empty strings (frp's "not set") count as absent. */
export interface TlsFiles {
  readonly certFile?: string
  readonly keyFile?: string
  readonly trustedCaFile?: string
}

/** PEM texts; `key` and `cert` come together or not at all. */
export interface TlsMaterial {
  readonly key?: string
  readonly cert?: string
  readonly ca?: string
  /** What the user should know though it is not an error: a certificate that is out of date. */
  readonly warnings: readonly string[]
}

/**
 * A certificate for a server whose user has none: EC P-256 (RSA-2048 as frp's takes 30 to 300 ms to
 * make), valid from one hour ago, for clocks that are late, for ten years, as frp's. About 20 ms,
 * and 100 ms once to load the library.
 */
export async function selfSignedCertificate(): Promise<KeyPair> {
  const { generate } = await import('selfsigned')
  const now = Date.now()
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'frps' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - HOUR_MS),
    notAfterDate: new Date(now + 10 * YEAR_MS),
  })
  return { key, cert }
}

/**
 * Reads and checks the files. Rejects with CONFIG_INVALID, naming the file and what is wrong with
 * it.
 */
export async function loadTlsMaterial(files: TlsFiles): Promise<TlsMaterial> {
  const { certFile = '', keyFile = '', trustedCaFile = '' } = files
  if ((certFile === '') !== (keyFile === '')) {
    const [given, missing] = certFile === '' ? ['keyFile', 'certFile'] : ['certFile', 'keyFile']
    throw invalid(`transport.tls.${given} is set, but transport.tls.${missing} is not`)
  }
  const warnings: string[] = []
  const ca = trustedCaFile === '' ? undefined : await readPem(trustedCaFile, 'trustedCaFile')
  if (ca !== undefined) warnings.push(...dateWarnings(parseChain(ca, trustedCaFile), trustedCaFile))
  if (certFile === '') return ca === undefined ? { warnings } : { ca, warnings }

  const [cert, key] = await Promise.all([
    readPem(certFile, 'certFile'),
    readPem(keyFile, 'keyFile'),
  ])
  const chain = parseChain(cert, certFile)
  if (chain[0]?.checkPrivateKey(parseKey(key, keyFile)) !== true) {
    throw invalid(`the key in ${keyFile} does not belong to the first certificate in ${certFile}`)
  }
  warnings.push(...dateWarnings(chain, certFile))
  return ca === undefined ? { key, cert, warnings } : { key, cert, ca, warnings }
}

async function readPem(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw invalid(`cannot read transport.tls.${name} ${path}: ${errorText(error)}`, error)
  }
}

function parseChain(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw invalid(`${path} holds no PEM certificate`)
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch (error) {
    throw invalid(`${path} holds a broken certificate: ${errorText(error)}`, error)
  }
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    // OpenSSL's text names the kind of failure and never the key.
    const hint = pem.includes('ENCRYPTED')
      ? 'it is encrypted; store it without a passphrase'
      : errorText(error)
    throw invalid(`${path} holds no usable PEM private key: ${hint}`, error)
  }
}

function dateWarnings(chain: readonly X509Certificate[], path: string): string[] {
  const now = Date.now()
  return chain.flatMap(certificate => {
    if (Date.parse(certificate.validTo) < now) {
      return [`a certificate in ${path} expired on ${certificate.validTo}`]
    }
    if (Date.parse(certificate.validFrom) > now) {
      return [`a certificate in ${path} is not valid before ${certificate.validFrom}`]
    }
    return []
  })
}

function invalid(detail: string, cause?: unknown): TunnelError {
  return new TunnelError('CONFIG_INVALID', detail, { cause })
}
