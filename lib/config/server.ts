// The keys of frps, with frp's defaults and checks (frp-surface.md sections 3.1 to 3.4).

import { isIP } from 'node:net'
import { errorText } from '../errors.ts'
import { optionalValues, portCheck } from './checks.ts'
import { SyntaxProblem } from './document.ts'
import { parseNumberRanges } from './number-range.ts'
import type { Site } from './problems.ts'
import {
  authMethodKey,
  checkTokenSource,
  logKey,
  quicKey,
  scopesKey,
  sourceKey,
  tlsFiles,
  webServerKey,
} from './sections.ts'
import {
  flag,
  int,
  list,
  object,
  oneOf,
  secret,
  text,
  turned,
  type IniSource,
  type Key,
  type Table,
} from './schema.ts'
import type {
  HttpPluginConfig,
  PortRange,
  ServerAuthConfig,
  ServerConfig,
  ServerTlsConfig,
  ServerTransportConfig,
} from './types.ts'

const OPS = ['Login', 'NewProxy', 'CloseProxy', 'Ping', 'NewWorkConn', 'NewUserConn'] as const

const rangeKey: Key<PortRange> = turned(
  object({ start: int(0), end: int(0), single: int(0) }),
  ({ start, end, single }) => (single > 0 ? { start: single, end: single } : { start, end }),
)

/** frp ignores a mistake here and then allows every port; we refuse it. */
const allowPortsIni: IniSource = section => {
  const written = section.get('allow_ports')
  if (written === undefined || written === '') return undefined
  try {
    return parseNumberRanges(written).map(({ first, last }) => ({ start: first, end: last }))
  } catch (error) {
    throw new SyntaxProblem(`allow_ports: ${errorText(error)}`, section.lineOf('allow_ports'))
  }
}

const dashboardTlsIni: IniSource = section => {
  if (flag(false).fromIni(section.get('dashboard_tls_mode') ?? '') !== true) return undefined
  return {
    certFile: section.get('dashboard_tls_cert_file'),
    keyFile: section.get('dashboard_tls_key_file'),
  }
}

const auth: Key<ServerAuthConfig> = object<ServerAuthConfig>(
  {
    method: authMethodKey,
    additionalScopes: scopesKey,
    token: secret({ ini: 'token' }),
    tokenSource: sourceKey('auth.tokenSource'),
    oidc: object({
      issuer: text('', { ini: 'oidc_issuer' }),
      audience: text('', { ini: 'oidc_audience' }),
      skipExpiryCheck: flag(false, { ini: 'oidc_skip_expiry_check' }),
      skipIssuerCheck: flag(false, { ini: 'oidc_skip_issuer_check' }),
    }),
  },
  {
    complete(config, site) {
      checkTokenSource(config, site)
      return config
    },
  },
)

const tls: Key<ServerTlsConfig> = object<ServerTlsConfig>(
  { ...tlsFiles, force: flag(false, { ini: 'tls_only' }) },
  { complete: config => ({ ...config, force: config.force || config.trustedCaFile !== '' }) },
)

const transport: Key<ServerTransportConfig> = object<ServerTransportConfig>(
  {
    tcpMux: flag(true, { ini: 'tcp_mux' }),
    tcpMuxKeepaliveInterval: int(30, { ini: 'tcp_mux_keepalive_interval' }),
    tcpKeepalive: int(7200, { ini: 'tcp_keepalive' }),
    maxPoolCount: int(5, { ini: 'max_pool_count' }),
    heartbeatTimeout: int(0, { ini: 'heartbeat_timeout' }),
    quic: quicKey,
    tls,
  },
  {
    // With tcpMux the multiplexer's own keepalive finds a dead client.
    complete: config => ({
      ...config,
      heartbeatTimeout: config.heartbeatTimeout || (config.tcpMux ? -1 : 90),
    }),
  },
)

const httpPlugin: Key<HttpPluginConfig> = object<HttpPluginConfig>({
  name: text(''),
  addr: text('', { ini: 'addr' }),
  path: text('', { ini: 'path' }),
  ops: list(oneOf(OPS, undefined, optionalValues('invalid http plugin ops', OPS)), { ini: 'ops' }),
  tlsVerify: flag(false, { ini: 'tlsVerify' }),
})

/** The keys of a `[plugin.NAME]` section. */
export const httpPluginTable: Readonly<Record<string, Key<unknown>>> = httpPlugin.table ?? {}

/** Flows that one session can have open; each costs memory at both ends. */
const MAX_UDP_USERS = 65_536

function usersCheck(name: string): (users: number) => string | undefined {
  return users =>
    users >= 1 && users <= MAX_UDP_USERS
      ? undefined
      : `${name}: ${users} must be in the range 1..${MAX_UDP_USERS}`
}

function ipCheck(name: string): (ip: string) => string | undefined {
  return ip => (ip === '' || isIP(ip) !== 0 ? undefined : `${name}: ${ip} is not an IP address`)
}

export const serverTable: Table<ServerConfig> = {
  bindAddr: text('0.0.0.0', { ini: 'bind_addr' }),
  bindPort: int(7000, { ini: 'bind_port', check: portCheck('bindPort'), keepsZero: true }),
  kcpBindPort: int(0, { ini: 'kcp_bind_port', check: portCheck('kcpBindPort') }),
  quicBindPort: int(0, { ini: 'quic_bind_port', check: portCheck('quicBindPort') }),
  proxyBindAddr: text('', { ini: 'proxy_bind_addr' }),
  vhostHTTPPort: int(0, { ini: 'vhost_http_port', check: portCheck('vhostHTTPPort') }),
  vhostHTTPTimeout: int(60, { ini: 'vhost_http_timeout' }),
  vhostHTTPSPort: int(0, { ini: 'vhost_https_port', check: portCheck('vhostHTTPSPort') }),
  tcpmuxHTTPConnectPort: int(0, {
    ini: 'tcpmux_httpconnect_port',
    check: portCheck('tcpMuxHTTPConnectPort'),
  }),
  tcpmuxPassthrough: flag(false, { ini: 'tcpmux_passthrough' }),
  subDomainHost: text('', { ini: 'subdomain_host' }),
  custom404Page: text('', { ini: 'custom_404_page' }),
  allowPorts: list(rangeKey, { ini: allowPortsIni }),
  maxPortsPerClient: int(0, { ini: 'max_ports_per_client' }),
  userConnTimeout: int(10, { ini: 'user_conn_timeout' }),
  udpPacketSize: int(1500, { ini: 'udp_packet_size' }),
  udpMaxUsersPerProxy: int(16_384, {
    ini: 'udp_max_users_per_proxy',
    check: usersCheck('udpMaxUsersPerProxy'),
  }),
  udpMaxUsersPerIP: int(4_096, {
    ini: 'udp_max_users_per_ip',
    check: usersCheck('udpMaxUsersPerIP'),
  }),
  stunPort: int(0, {
    ini: 'stun_port',
    check: port => (port === -1 ? undefined : portCheck('stunPort')(port)),
  }),
  stunPublicAddr: text('', { ini: 'stun_public_addr', check: ipCheck('stunPublicAddr') }),
  stunOtherAddr: text('', { ini: 'stun_other_addr', check: ipCheck('stunOtherAddr') }),
  natholeAnalysisDataReserveHours: int(168, { ini: 'nat_hole_analysis_data_reserve_hours' }),
  detailedErrorsToClient: flag(true, { ini: 'detailed_errors_to_client' }),
  enablePrometheus: flag(false, { ini: 'enable_prometheus' }),
  allowBench: flag(false, { ini: 'allow_bench' }),
  auth,
  transport,
  webServer: webServerKey({
    addr: section => section.get('dashboard_addr') || '0.0.0.0',
    port: 'dashboard_port',
    user: 'dashboard_user',
    password: 'dashboard_pwd',
    tls: dashboardTlsIni,
  }),
  log: logKey,
  sshTunnelGateway: object({
    bindPort: int(0),
    privateKeyFile: text(''),
    autoGenPrivateKeyPath: text('./.autogen_ssh_key'),
    authorizedKeysFile: text(''),
  }),
  httpPlugins: list(httpPlugin),
}

export const serverKey: Key<ServerConfig> = object<ServerConfig>(serverTable, {
  ignored: ['version'],
  complete: completeServer,
})

function completeServer(config: ServerConfig, site: Site): ServerConfig {
  const { bindAddr, bindPort, kcpBindPort, quicBindPort } = config
  const yieldsToKcp = kcpBindPort !== 0 && kcpBindPort === (quicBindPort || bindPort)
  if (yieldsToKcp) {
    site.at('kcpBindPort').warn(`QUIC is off: kcpBindPort holds UDP port ${kcpBindPort}`)
  }
  return {
    ...config,
    proxyBindAddr: config.proxyBindAddr || bindAddr,
    quicBindPort: yieldsToKcp ? -1 : quicBindPort,
  }
}
