// The face of lib/config: files, texts or plain values in; resolved configuration or one CONFIG_INVALID out.

import { TunnelError } from '../errors.ts'
import type { ClientConfig, ProxyConfig, ServerConfig, VisitorConfig } from './types.ts'

export type * from './types.ts'
export { Secret } from './secret.ts'

export interface LoadOptions {
  /** Unknown keys are errors (frp's --strict_config, on by default there). */
  readonly strict: boolean
  /** What templates see as `.Envs`; usually process.env. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Values of --allow-unsafe, such as `TokenSourceExec`. */
  readonly allowUnsafe: readonly string[]
  /** False for `verify`: token sources are checked but not read or run. Default true. */
  readonly resolveSources?: boolean
}

export interface LoadedServer {
  readonly config: ServerConfig
  readonly warnings: string[]
}

export interface LoadedClient {
  readonly config: ClientConfig
  /** Only those to run: `start` and `enabled` are applied. */
  readonly proxies: ProxyConfig[]
  readonly visitors: VisitorConfig[]
  readonly warnings: string[]
}

/** Raw values, keys as in a TOML file. */
export type RawValues = Readonly<Record<string, unknown>>

export interface ClientValues {
  readonly common?: RawValues
  readonly proxies?: readonly RawValues[]
  readonly visitors?: readonly RawValues[]
}

/** Rejects with CONFIG_INVALID; the message has one line for each problem. */
export async function loadServerConfig(
  _path: string,
  _options: LoadOptions,
): Promise<LoadedServer> {
  throw new TunnelError('UNSUPPORTED', 'not yet')
}

/** Rejects with CONFIG_INVALID; the message has one line for each problem. */
export async function loadClientConfig(
  _path: string,
  _options: LoadOptions,
): Promise<LoadedClient> {
  throw new TunnelError('UNSUPPORTED', 'not yet')
}

/** As loadServerConfig; `source` is the name used in messages, and its extension counts as a file's does. */
export async function parseServerConfig(
  _text: string,
  _source: string,
  _options: LoadOptions,
): Promise<LoadedServer> {
  throw new TunnelError('UNSUPPORTED', 'not yet')
}

/** As loadClientConfig; `source` is the name used in messages, and its extension counts as a file's does. */
export async function parseClientConfig(
  _text: string,
  _source: string,
  _options: LoadOptions,
): Promise<LoadedClient> {
  throw new TunnelError('UNSUPPORTED', 'not yet')
}

/** For flags, tests and programs. Throws CONFIG_INVALID. Here bindPort 0 asks for a free port. */
export function serverConfigFromValues(_values: RawValues): ServerConfig {
  throw new TunnelError('UNSUPPORTED', 'not yet')
}

/** For flags, tests and programs. Throws CONFIG_INVALID. */
export function clientConfigFromValues(_values: ClientValues): {
  readonly config: ClientConfig
  readonly proxies: ProxyConfig[]
  readonly visitors: VisitorConfig[]
} {
  throw new TunnelError('UNSUPPORTED', 'not yet')
}

/** `1.5MB` or `512KB`, 1024-based; empty = no limit. Throws CONFIG_INVALID (`unit not support`). */
export function parseBandwidthLimit(_text: string): import('./types.ts').BandwidthLimit {
  throw new TunnelError('UNSUPPORTED', 'not yet')
}
