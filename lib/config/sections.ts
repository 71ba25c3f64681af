// Tables of the objects that frps and frpc have in common: log, webServer, quic, TLS files, token
// sources.

import { optionalValues, portCheck } from './checks.ts'
import type { Site } from './problems.ts'
import {
  flag,
  int,
  list,
  object,
  oneOf,
  optional,
  secret,
  text,
  texts,
  turned,
  type IniSource,
  type Key,
  type Table,
} from './schema.ts'
import type {
  AuthScope,
  ExecSource,
  LogConfig,
  QuicConfig,
  TlsFiles,
  ValueSource,
  WebServerConfig,
} from './types.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const
const METHODS = ['token', 'oidc'] as const
const SCOPES = ['HeartBeats', 'NewWorkConns'] as const

export const logKey: Key<LogConfig> = object({
  to: text('console', { ini: 'log_file' }),
  level: oneOf(LEVELS, 'info', optionalValues('invalid log level', LEVELS), { ini: 'log_level' }),
  maxDays: int(3, { ini: 'log_max_days' }),
  disablePrintColor: flag(false, { ini: 'disable_log_color' }),
})

export interface WebServerIni {
  readonly addr: IniSource
  readonly port: string
  readonly user: string
  readonly password: string
  readonly tls?: IniSource
}

/** The INI names differ: dashboard_* on the server, admin_* on the client. */
export function webServerKey(ini: WebServerIni): Key<WebServerConfig> {
  return object<WebServerConfig>(
    {
      addr: text('127.0.0.1', { ini: ini.addr }),
      port: int(0, { ini: ini.port, check: portCheck('webServer.port') }),
      user: text('', { ini: ini.user }),
      password: secret({ ini: ini.password }),
      assetsDir: text('', { ini: 'assets_dir' }),
      pprofEnable: flag(false, { ini: 'pprof_enable' }),
      tls: optional<TlsFiles>(
        { certFile: text(''), keyFile: text(''), trustedCaFile: text(''), serverName: text('') },
        { ...(ini.tls && { ini: ini.tls }) },
      ),
    },
    {
      complete(config, site) {
        const { tls } = config
        if (tls?.certFile === '') {
          site.at('tls').refuse('tls.certFile must be specified when tls is enabled')
        } else if (tls?.keyFile === '') {
          site.at('tls').refuse('tls.keyFile must be specified when tls is enabled')
        }
        return config
      },
    },
  )
}

export const quicKey: Key<QuicConfig> = object({
  keepalivePeriod: int(10, { ini: 'quic_keepalive_period' }),
  maxIdleTimeout: int(30, { ini: 'quic_max_idle_timeout' }),
  maxIncomingStreams: int(100_000, { ini: 'quic_max_incoming_streams' }),
  datagramSize: int(0, { ini: 'quic_datagram_size', check: datagramCheck }),
})

/**
 * 1200 is the least that QUIC allows (RFC 9000 section 14), 65507 the most that UDP over IPv4
 * carries.
 */
function datagramCheck(bytes: number): string | undefined {
  if (bytes === 0 || (bytes >= 1200 && bytes <= 65_507)) return undefined
  return `transport.quic.datagramSize: ${bytes} must be 0 (found by probing) or in the range 1200..65507`
}

export const tlsFiles: Table<TlsFiles> = {
  certFile: text('', { ini: 'tls_cert_file' }),
  keyFile: text('', { ini: 'tls_key_file' }),
  trustedCaFile: text('', { ini: 'tls_trusted_ca_file' }),
  serverName: text('', { ini: 'tls_server_name' }),
}

export const authMethodKey: Key<'token' | 'oidc'> = oneOf(
  METHODS,
  'token',
  optionalValues('invalid auth method', METHODS),
  { ini: 'authentication_method' },
)

/** INI has a boolean for each scope. */
export const scopesKey: Key<readonly AuthScope[]> = list(
  oneOf(SCOPES, undefined, optionalValues('invalid auth additional scopes', SCOPES)),
  {
    ini: section => {
      const { fromIni } = flag(false)
      const has = (key: string): boolean => fromIni(section.get(key) ?? '') === true
      return [
        ...(has('authenticate_heartbeats') ? ['HeartBeats'] : []),
        ...(has('authenticate_new_work_conns') ? ['NewWorkConns'] : []),
      ]
    },
  },
)

interface WrittenSource {
  readonly type: string
  readonly file: { readonly path: string } | undefined
  readonly exec: ExecSource | undefined
}

const writtenSource: Key<WrittenSource | undefined> = optional<WrittenSource>({
  type: text(''),
  file: optional({ path: text('') }),
  exec: optional<ExecSource>({
    command: text(''),
    args: texts(),
    env: list(object({ name: text(''), value: secret() })),
  }),
})

/** frp-surface.md section 2.9. `field` is the name in messages. */
export function sourceKey(field: string): Key<ValueSource | undefined> {
  return turned(writtenSource, (written, site) => {
    if (written === undefined) return undefined
    if (written.type === 'exec' && !site.options.allowUnsafe.includes('TokenSourceExec')) {
      site.refuse(
        'unsafe feature "TokenSourceExec" is not enabled. To enable it, ensure it is allowed in ' +
          'the configuration or command line flags (--allow-unsafe TokenSourceExec)',
      )
    }
    return valueSource(written, site, field)
  })
}

function valueSource(
  { type, file, exec }: WrittenSource,
  site: Site,
  field: string,
): ValueSource | undefined {
  const refuse = (reason: string): undefined => {
    site.refuse(`invalid ${field}: ${reason}`)
    return undefined
  }
  if (type === 'file') {
    if (file === undefined) return refuse("file configuration is required when type is 'file'")
    if (file.path === '') return refuse('file path cannot be empty')
    return { type, file }
  }
  if (type !== 'exec') {
    return refuse(`unsupported value source type: ${type} (only 'file' and 'exec' are supported)`)
  }
  if (exec === undefined) return refuse("exec configuration is required when type is 'exec'")
  if (exec.command === '') return refuse('exec command cannot be empty')
  if (exec.env.some(({ name }) => name === '')) return refuse('exec env name cannot be empty')
  if (exec.env.some(({ name }) => name.includes('='))) {
    return refuse("exec env name cannot contain '='")
  }
  return { type, exec }
}

/** The two ways to give a token exclude each other. */
export function checkTokenSource(
  auth: { readonly token: { readonly isEmpty: boolean }; readonly tokenSource: unknown },
  site: Site,
): void {
  if (!auth.token.isEmpty && auth.tokenSource !== undefined) {
    site.at('tokenSource').refuse('cannot specify both auth.token and auth.tokenSource')
  }
}
