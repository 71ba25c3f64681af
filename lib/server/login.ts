// Checks a Login and the keys of later messages: the token, and the bounds of what a client says
// about itself. Pure; texts of frp (frp-surface.md section 4.3), rules of frp-wire.md section 4.

import type { ServerConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import { isAuthKey } from '../wire/auth.ts'
import type { Login, NewWorkConn, Ping } from '../wire/messages.ts'

/** What is believed of a Login after its checks. */
export interface AcceptedLogin {
  /** Empty on a client's first login: the server gives it one. */
  readonly runId: string
  readonly user: string
  readonly clientId: string
  readonly hostname: string
  readonly os: string
  readonly arch: string
  readonly version: string
  readonly metadatas: Readonly<Record<string, string>>
  /** 0..maxPoolCount: a negative number ends the process of real frps. */
  readonly poolCount: number
  /** Absent towards a real frpc. */
  readonly extension?: { readonly version: string; readonly features: readonly string[] }
}

/** Real names are far shorter. The whole Login is bounded by the frame limit of 10 kB. */
const MAX_NAME = 256
const MAX_FEATURES = 32

/** Throws AUTH_FAILED for a wrong token, LOGIN_REFUSED for anything else that is wrong. */
export function acceptLogin(login: Login, config: ServerConfig): AcceptedLogin {
  if (!isAuthKey(config.auth.token.reveal(), login.timestamp, login.privilege_key)) {
    throw authFailed('login')
  }
  for (const key of ['user', 'client_id', 'hostname', 'os', 'arch', 'version'] as const) {
    if (login[key].length > MAX_NAME) {
      throw new TunnelError('LOGIN_REFUSED', `${key} is longer than ${MAX_NAME} characters`)
    }
    if (hasControlCharacter(login[key])) {
      throw new TunnelError('LOGIN_REFUSED', `${key} has a control character`)
    }
  }
  // It stands in log lines and is a key of ours. Real ones are 16 hex digits, whoever made them.
  if (!/^[\w.:-]{0,64}$/.test(login.run_id)) {
    throw new TunnelError('LOGIN_REFUSED', 'run_id is not one that a server gives')
  }
  return {
    runId: login.run_id,
    user: login.user,
    clientId: login.client_id,
    hostname: login.hostname,
    os: login.os,
    arch: login.arch,
    version: login.version,
    metadatas: login.metas,
    poolCount: Math.max(0, Math.min(login.pool_count, config.transport.maxPoolCount)),
    ...(login.quicfrp && { extension: extensionOf(login.quicfrp) }),
  }
}

/** Throws AUTH_FAILED when the scope HeartBeats asks for a key and it is wrong. */
export function checkPing(ping: Ping, config: ServerConfig): void {
  if (!config.auth.additionalScopes.includes('HeartBeats')) return
  if (isAuthKey(config.auth.token.reveal(), ping.timestamp, ping.privilege_key)) return
  throw authFailed('heartbeat')
}

/** Throws AUTH_FAILED when the scope NewWorkConns asks for a key and it is wrong. */
export function checkWorkConn(message: NewWorkConn, config: ServerConfig): void {
  if (!config.auth.additionalScopes.includes('NewWorkConns')) return
  if (isAuthKey(config.auth.token.reveal(), message.timestamp, message.privilege_key)) return
  throw authFailed('NewWorkConn')
}

/** What a client is told: the reason, or with detailedErrorsToClient = false only what failed. */
export function errorForClient(summary: string, reason: string, config: ServerConfig): string {
  return config.detailedErrorsToClient ? reason : summary
}

function authFailed(what: string): TunnelError {
  return new TunnelError('AUTH_FAILED', `token in ${what} doesn't match token from configuration`)
}

function extensionOf({ version, features }: { version: string; features: readonly string[] }): {
  version: string
  features: readonly string[]
} {
  return { version: version.slice(0, MAX_NAME), features: features.slice(0, MAX_FEATURES) }
}

/** Line breaks and terminal escapes must not get into our log through a client's names. */
export function hasControlCharacter(text: string): boolean {
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)
}
