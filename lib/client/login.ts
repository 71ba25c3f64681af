// What the client says about itself in Login, and the keys that some later messages carry.
// Formats: frp-wire.md §2.4 and §4.1.

import { arch, hostname, platform } from 'node:os'
import type { AuthScope, ClientConfig } from '../config/index.ts'
import { VERSION } from '../version.ts'
import { authKey } from '../wire/auth.ts'
import { FEATURES } from '../wire/features.ts'
import type { Draft, Login } from '../wire/messages.ts'

const GO_OS: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' }
const GO_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }

/** `runId` is empty on the first login of a process; `unixSeconds` is part of the key. */
export function loginMessage(
  config: ClientConfig,
  { runId, unixSeconds }: { readonly runId: string; readonly unixSeconds: number },
): Draft<Login> {
  return {
    type: 'Login',
    version: VERSION,
    hostname: hostname(),
    os: GO_OS[platform()] ?? platform(),
    arch: GO_ARCH[arch()] ?? arch(),
    user: config.user,
    privilege_key: authKey(config.auth.token.reveal(), unixSeconds),
    timestamp: unixSeconds,
    run_id: runId,
    client_id: config.clientID,
    metas: config.metadatas,
    pool_count: config.transport.poolCount,
    quicfrp: { version: VERSION, features: FEATURES },
  }
}

export interface Credentials {
  readonly privilege_key?: string
  readonly timestamp?: number
}

/**
 * The key fields of a Ping (`HeartBeats`) or NewWorkConn (`NewWorkConns`); empty without that
 * scope.
 */
export function credentials(
  config: ClientConfig,
  scope: AuthScope,
  unixSeconds: number,
): Credentials {
  if (!config.auth.additionalScopes.includes(scope)) return {}
  const token = config.auth.token.reveal()
  return { privilege_key: authKey(token, unixSeconds), timestamp: unixSeconds }
}
