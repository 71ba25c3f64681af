// The face of lib/config: files, texts or plain values in; resolved configuration or one
// CONFIG_INVALID out.

import { readFile } from 'node:fs/promises'
import { errorDetail, errorText, systemCode } from '../errors.ts'
import { decodeClient, decodeServer, member } from './decode.ts'
import type { Document } from './document.ts'
import { includedFiles } from './includes.ts'
import { clientFromIni, includesOf, serverFromIni } from './ini-document.ts'
import { parseIni } from './ini.ts'
import { configError } from './problems.ts'
import { documentOf, guarded, readDocument, readIni } from './read.ts'
import type { Secret } from './secret.ts'
import { render } from './template/index.ts'
import type {
  AuthMethod,
  ClientConfig,
  ProxyConfig,
  ServerConfig,
  ValueSource,
  VisitorConfig,
} from './types.ts'
import { resolveSource } from './value-source.ts'

export type * from './types.ts'
export { annotationProblems } from './checks.ts'
export { parseBandwidthLimit } from './proxies.ts'
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
export async function loadServerConfig(path: string, options: LoadOptions): Promise<LoadedServer> {
  return parseServerConfig(await textOf(path), path, options)
}

/** Rejects with CONFIG_INVALID; the message has one line for each problem. */
export async function loadClientConfig(path: string, options: LoadOptions): Promise<LoadedClient> {
  return parseClientConfig(await textOf(path), path, options)
}

/** As loadServerConfig. `source` is the name in messages; an extension .toml forces that format. */
export async function parseServerConfig(
  text: string,
  source: string,
  options: LoadOptions,
): Promise<LoadedServer> {
  const sections = readIni(text, source, options)
  const document =
    sections === undefined
      ? await readDocument(text, source, options)
      : iniDocument(source, () => serverFromIni(sections, source))
  const { config, ...decoded } = decodeServer(document, { ...options, isFile: true })
  const warnings = [...iniWarnings(document), ...decoded.warnings]
  return { config: { ...config, auth: await resolveAuth(config.auth, source, options) }, warnings }
}

/** As loadClientConfig. `source` is the name in messages; an extension .toml forces that format. */
export async function parseClientConfig(
  text: string,
  source: string,
  options: LoadOptions,
): Promise<LoadedClient> {
  const documents = await clientDocuments(text, source, options)
  const { config, ...rest } = decodeClient(documents, { ...options, isFile: true })
  const warnings = [
    ...iniWarnings(documents[0]),
    ...rest.warnings,
    ...proxyWarnings(config, options),
  ]
  const auth = await resolveAuth(config.auth, source, options)
  return { ...rest, config: { ...config, auth }, warnings }
}

/** For flags, tests and programs. Throws CONFIG_INVALID. Here bindPort 0 asks for a free port. */
export function serverConfigFromValues(values: RawValues): LoadedServer {
  return decodeServer(documentOf(values), VALUE_OPTIONS)
}

/** For flags, tests and programs. Throws CONFIG_INVALID. */
export function clientConfigFromValues(values: ClientValues): LoadedClient {
  const { common, proxies, visitors } = values
  const value = { ...common, proxies: proxies ?? [], visitors: visitors ?? [] }
  return decodeClient([documentOf(value)], VALUE_OPTIONS)
}

/** Values come from code: a wrong key is always an error, and token sources are for files. */
const VALUE_OPTIONS = { strict: true, isFile: false, allowUnsafe: [] }

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = systemCode(error) === 'ENOENT' ? 'no such file or directory' : errorText(error)
    throw configError([`open ${path}: ${reason}`], error)
  }
}

/** The main document and those that it includes. */
async function clientDocuments(
  text: string,
  source: string,
  options: LoadOptions,
): Promise<Document[]> {
  const sections = readIni(text, source, options)
  if (sections !== undefined) {
    for (const path of await filesOf(includesOf(sections), source)) {
      const rendered = render(await textOf(path), { env: options.env, rangeFunctions: false })
      parseIni(rendered.text, { isProbe: false, lineOf: () => undefined, into: sections })
    }
    return [iniDocument(source, () => clientFromIni(sections, source))]
  }
  const main = await readDocument(text, source, options)
  const patterns = member(main.value, 'includes')
  const isList = Array.isArray(patterns) && patterns.every(item => typeof item === 'string')
  const documents = [main]
  for (const path of await filesOf(isList ? patterns : [], source)) {
    try {
      documents.push(await readDocument(await textOf(path), path, options))
    } catch (error) {
      const reason = errorDetail(error)
      throw configError([`load additional config from ${path} error: ${reason}`], error)
    }
  }
  return documents
}

async function filesOf(patterns: readonly string[], source: string): Promise<string[]> {
  try {
    return await includedFiles(patterns)
  } catch (error) {
    throw configError([`${source}: includes: ${errorText(error)}`], error)
  }
}

function iniDocument(source: string, make: () => Document): Document {
  const document = guarded(source, make)
  if (source.toLowerCase().endsWith('.toml')) {
    document.warnings.push(
      'a [common] section makes this a legacy INI file, whatever its extension',
    )
  }
  return document
}

/** Begins as frp's line does; people and scripts know it. */
function iniWarnings(document: Document | undefined): string[] {
  if (document?.format !== 'ini') return []
  return ['ini format is deprecated in frp: it keeps working here, new keys are in toml/yaml/json']
}

async function resolveAuth<T extends { readonly token: Secret; readonly tokenSource: unknown }>(
  auth: T & { readonly tokenSource: ValueSource | undefined; readonly method: AuthMethod },
  source: string,
  { resolveSources = true }: LoadOptions,
): Promise<T> {
  if (auth.tokenSource === undefined || auth.method !== 'token' || !resolveSources) return auth
  try {
    return { ...auth, token: await resolveSource(auth.tokenSource) }
  } catch (error) {
    const text = `${source}: failed to resolve auth.tokenSource: ${errorText(error)}`
    throw configError([text], error)
  }
}

/**
 * frpc goes through the environment's http_proxy; that part is not there yet, and an environment
 * must not stop us.
 */
function proxyWarnings({ transport }: ClientConfig, { env }: LoadOptions): string[] {
  if (!env['http_proxy'] || !['auto', 'tcp'].includes(transport.protocol)) return []
  return [
    'the environment variable http_proxy is ignored: connecting through a proxy is not available yet',
  ]
}
