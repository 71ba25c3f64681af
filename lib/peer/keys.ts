// What two peers derive from the keys of the visit on which they met. frps has none of it.

import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { PeerRole, ProbeKeys } from '../../nat/index.ts'
import type { SessionKeys } from '../e2e/index.ts'

const KEY_BYTES = 32

export interface PeerKeys {
  /** For probes of paths. */
  readonly probes: ProbeKeys
  /** For notes beside QUIC. */
  readonly notes: { readonly send: Buffer; readonly receive: Buffer }
  readonly binding: Buffer
}

/** The keys as `role` uses them. */
export function peerKeys({ toProxy, toVisitor }: SessionKeys, role: PeerRole): PeerKeys {
  const own = role === 'visitor' ? toProxy : toVisitor
  const other = role === 'visitor' ? toVisitor : toProxy
  return {
    probes: { send: derive(own, 'probes'), receive: derive(other, 'probes') },
    notes: { send: derive(own, 'notes'), receive: derive(other, 'notes') },
    binding: derive(Buffer.concat([toProxy, toVisitor]), 'binding'),
  }
}

/**
 * Shows that `role` has the keys and speaks over the TLS session of this certificate (DER): who
 * stands between two peers has one of his own (RFC 5929, tls-server-end-point).
 */
export function proofOf({ binding }: PeerKeys, role: PeerRole, certificate: Uint8Array): Buffer {
  const hash = createHash('sha256').update(certificate).digest()
  return createHmac('sha256', binding).update(`quicfrp peer ${role} `).update(hash).digest()
}

/** Takes the same time for every wrong proof. */
export function isProofOf(
  keys: PeerKeys,
  role: PeerRole,
  { certificate, proof }: { readonly certificate: Uint8Array; readonly proof: Buffer },
): boolean {
  const right = proofOf(keys, role, certificate)
  return proof.length === right.length && timingSafeEqual(proof, right)
}

function derive(key: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `quicfrp peer ${label}`, KEY_BYTES))
}
