// The keys of proxies, by type (frp-surface.md sections 3.8 and 3.9).

import { errorText } from '../errors.ts'
import { annotationProblems, bandwidthLimit, portCheck } from './checks.ts'
import { SyntaxProblem } from './document.ts'
import { clientPluginKey } from './plugins.ts'
import type { Site } from './problems.ts'
import {
  constant,
  flag,
  int,
  list,
  map,
  object,
  oneOf,
  secret,
  text,
  texts,
  turned,
  type Key,
  type Table,
} from './schema.ts'
import type {
  BandwidthLimit,
  DomainConfig,
  HealthCheckConfig,
  NatTraversalConfig,
  PacketProxyKeys,
  PacketTransportConfig,
  ProxyBase,
  ProxyConfig,
  ProxyTransportConfig,
  ProxyType,
  SecretProxyKeys,
  StringMap,
} from './types.ts'

type ProxyTables = {
  readonly [T in ProxyType]: Table<Extract<ProxyConfig, { readonly type: T }>>
}

const limitKey: Key<BandwidthLimit> = turned(
  text('', { ini: 'bandwidth_limit' }),
  (written, site) => {
    try {
      return bandwidthLimit(written)
    } catch (error) {
      site.fail(errorText(error))
      return { text: '', bytesPerSecond: 0 }
    }
  },
)

/** Longer than any game is silent; a table full of users who have left helps nobody. */
const MAX_IDLE_SECONDS = 86_400

/** Written as a number, or as a word in quotes. Default: see README, *Host a game server*. */
export const udpRedundancyKey: Key<PacketTransportConfig['udpRedundancy']> = {
  ini: 'udp_redundancy',
  fromIni: written => written,
  decode(raw, site) {
    switch (raw ?? 'auto') {
      case '':
      case 'auto':
        return 'auto'
      case 0:
      case '0':
        return 0
      case 1:
      case '1':
        return 1
      case 2:
      case '2':
        return 2
      case 3:
      case '3':
        return 3
      default:
        site.refuse('transport.udpRedundancy should be 0, 1, 2, 3 or "auto"')
        return 'auto'
    }
  },
}

export const priorityKey: Key<ProxyTransportConfig['priority']> = oneOf(
  ['auto', 'interactive', 'bulk'],
  'auto',
  () => 'transport.priority should be auto, interactive or bulk',
  { ini: 'priority' },
)

const transportKeys: Table<ProxyTransportConfig> = {
  useEncryption: flag(false, { ini: 'use_encryption' }),
  useCompression: flag(false, { ini: 'use_compression' }),
  bandwidthLimit: limitKey,
  bandwidthLimitMode: oneOf(
    ['client', 'server'],
    'client',
    () => 'bandwidth limit mode should be client or server',
    { ini: 'bandwidth_limit_mode' },
  ),
  proxyProtocolVersion: oneOf(
    ['', 'v1', 'v2'],
    '',
    word => `not support proxy protocol version: ${word}`,
    { ini: 'proxy_protocol_version' },
  ),
  priority: priorityKey,
}

const transport: Key<ProxyTransportConfig> = object<ProxyTransportConfig>(transportKeys)

const packetKeys: Pick<Table<PacketProxyKeys>, keyof PacketProxyKeys> = {
  transport: object<PacketTransportConfig>({
    ...transportKeys,
    udpRedundancy: udpRedundancyKey,
  }),
  udpIdleTimeout: int(30, {
    ini: 'udp_idle_timeout',
    check: seconds =>
      seconds > 0 && seconds <= MAX_IDLE_SECONDS
        ? undefined
        : `udpIdleTimeout: ${seconds} must be in the range 1..${MAX_IDLE_SECONDS}`,
  }),
  localAddrPerUser: flag(false, { ini: 'local_addr_per_user' }),
}

const healthCheck: Key<HealthCheckConfig> = object<HealthCheckConfig>(
  {
    type: oneOf(['', 'tcp', 'http'], '', word => `not support health check type: ${word}`, {
      ini: 'health_check_type',
    }),
    timeoutSeconds: int(3, { ini: 'health_check_timeout_s' }),
    maxFailed: int(1, { ini: 'health_check_max_failed' }),
    intervalSeconds: int(10, { ini: 'health_check_interval_s' }),
    path: text('', { ini: 'health_check_url' }),
    httpHeaders: list(object({ name: text(''), value: text('') })),
  },
  {
    complete(config, site) {
      if (config.type === 'http' && config.path === '') {
        site.refuse('health check path should not be empty')
      }
      return config
    },
  },
)

const annotations: Key<StringMap> = turned(map(), (written, site) => {
  for (const problem of annotationProblems(written)) site.refuse(problem)
  return written
})

const base: Table<ProxyBase> = {
  name: text('', { check: name => (name === '' ? 'name should not be empty' : undefined) }),
  enabled: flag(true),
  annotations,
  metadatas: map({ ini: section => Object.fromEntries(section.family('meta_')) }),
  transport,
  loadBalancer: object({
    group: text('', { ini: 'group' }),
    groupKey: secret({ ini: 'group_key' }),
  }),
  healthCheck,
  localIP: text('127.0.0.1', { ini: 'local_ip' }),
  localPort: int(0, { ini: 'local_port' }),
  plugin: clientPluginKey,
}

const remotePort: Key<number> = int(0, { ini: 'remote_port' })

const domains: Table<DomainConfig> = {
  customDomains: texts({ ini: 'custom_domains' }),
  subdomain: text('', { ini: 'subdomain' }),
}

const httpLogin = {
  httpUser: text('', { ini: 'http_user' }),
  httpPassword: secret({ ini: 'http_pwd' }),
  routeByHTTPUser: text('', { ini: 'route_by_http_user' }),
}

const secretKeys: Table<SecretProxyKeys> = {
  secretKey: secret({ ini: 'sk' }),
  allowUsers: texts({ ini: 'allow_users' }),
  requireEndToEnd: flag(false, { ini: 'require_end_to_end' }),
}

export const natTraversal: Key<NatTraversalConfig> = object({ disableAssistedAddrs: flag(false) })

export const proxyTables: ProxyTables = {
  tcp: { ...base, type: constant('tcp'), remotePort },
  udp: { ...base, ...packetKeys, type: constant('udp'), remotePort },
  http: {
    ...base,
    ...domains,
    ...httpLogin,
    type: constant('http'),
    locations: texts({ ini: 'locations' }),
    hostHeaderRewrite: text('', { ini: 'host_header_rewrite' }),
    requestHeaders: object({
      set: map({ ini: section => Object.fromEntries(section.family('header_')) }),
    }),
    responseHeaders: object({ set: map() }),
  },
  https: { ...base, ...domains, type: constant('https') },
  tcpmux: {
    ...base,
    ...domains,
    ...httpLogin,
    type: constant('tcpmux'),
    multiplexer: oneOf(['httpconnect'], undefined, word => `not support multiplexer: ${word}`, {
      ini: 'multiplexer',
    }),
  },
  stcp: { ...base, ...secretKeys, type: constant('stcp') },
  sudp: { ...base, ...secretKeys, ...packetKeys, type: constant('sudp') },
  xtcp: {
    ...base,
    ...secretKeys,
    ...packetKeys,
    type: constant('xtcp'),
    natTraversal,
    relay: flag(true, { ini: 'relay' }),
  },
}

export function isProxyType(type: string): type is ProxyType {
  return Object.hasOwn(proxyTables, type)
}

/** Checks over several keys. */
export function checkProxy(proxy: ProxyConfig, site: Site): void {
  if (proxy.plugin === undefined) {
    const refusal = portCheck('localPort: localPort')(proxy.localPort)
    if (refusal !== undefined) site.at('localPort').refuse(refusal)
  }
  if ('subdomain' in proxy && proxy.subdomain === '' && proxy.customDomains.length === 0) {
    site.refuse('subdomain and custom domains should not be both empty')
  }
}

/** `1.5MB` or `512KB`, 1024-based; empty = no limit. Throws Error (`unit not support`). */
export function parseBandwidthLimit(written: string): BandwidthLimit {
  try {
    return bandwidthLimit(written)
  } catch (error) {
    if (error instanceof SyntaxProblem) throw new Error(error.message, { cause: error })
    throw error
  }
}
