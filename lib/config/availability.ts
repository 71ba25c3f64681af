// What the schema knows and this version cannot do yet. A part that lands deletes its line here.
// Rule: a key that changes what users can reach is an error; where the tunnel works without it, a
// warning.

import type { KeyPath } from './document.ts'
import type { Problem } from './problems.ts'
import type {
  ClientConfig,
  ClientPluginConfig,
  ProxyConfig,
  ProxyType,
  ServerConfig,
  VisitorConfig,
} from './types.ts'

interface Gap<T> {
  readonly key: string
  readonly isUsed: (config: T) => boolean
  /** Instead of the key, for a warning or where a value is meant. */
  readonly says?: string
}

const serverErrors: readonly Gap<ServerConfig>[] = [
  { key: 'vhostHTTPPort', isUsed: config => config.vhostHTTPPort !== 0 },
  { key: 'vhostHTTPSPort', isUsed: config => config.vhostHTTPSPort !== 0 },
  { key: 'tcpmuxHTTPConnectPort', isUsed: config => config.tcpmuxHTTPConnectPort !== 0 },
  { key: 'sshTunnelGateway', isUsed: config => config.sshTunnelGateway.bindPort > 0 },
  { key: 'httpPlugins', isUsed: config => config.httpPlugins.length > 0 },
  { key: 'auth.method', says: 'auth.method oidc', isUsed: config => config.auth.method === 'oidc' },
]

const serverWarnings: readonly Gap<ServerConfig>[] = [
  {
    key: 'kcpBindPort',
    says: 'KCP is not available yet; kcpBindPort is ignored',
    isUsed: config => config.kcpBindPort !== 0,
  },
  {
    key: 'webServer.port',
    says: 'the dashboard is not available yet; webServer is ignored',
    isUsed: config => config.webServer.port > 0,
  },
  {
    key: 'enablePrometheus',
    says: 'the dashboard is not available yet; enablePrometheus is ignored',
    isUsed: config => config.enablePrometheus,
  },
]

const clientErrors: readonly Gap<ClientConfig>[] = [
  protocolGap('kcp'),
  protocolGap('websocket'),
  protocolGap('wss'),
  {
    key: 'transport.wireProtocol',
    says: 'transport.wireProtocol v2',
    isUsed: config => config.transport.wireProtocol === 'v2',
  },
  { key: 'transport.proxyURL', isUsed: config => !config.transport.proxyURL.isEmpty },
  { key: 'dnsServer', isUsed: config => config.dnsServer !== '' },
  { key: 'auth.method', says: 'auth.method oidc', isUsed: config => config.auth.method === 'oidc' },
  { key: 'virtualNet', isUsed: config => config.virtualNet.address !== '' },
  { key: 'store', isUsed: config => config.store.path !== '' },
]

const clientWarnings: readonly Gap<ClientConfig>[] = [
  {
    key: 'webServer.tls',
    says: 'webServer.tls is not available yet: nothing is served',
    isUsed: config => config.webServer.port > 0 && config.webServer.tls !== undefined,
  },
]

const missingProxyTypes: readonly ProxyType[] = [
  'http',
  'https',
  'tcpmux',
]

const missingPlugins: readonly ClientPluginConfig['type'][] = [
  'http_proxy',
  'socks5',
  'static_file',
  'unix_domain_socket',
  'http2http',
  'http2https',
  'https2http',
  'https2https',
  'tls2raw',
  'virtual_net',
]

const proxyErrors: readonly Gap<ProxyConfig>[] = [
  ...missingProxyTypes.map(type => typeGap<ProxyConfig>(type)),
  ...missingPlugins.map((type): Gap<ProxyConfig> => ({
    key: 'plugin',
    says: `plugin ${type}`,
    isUsed: proxy => proxy.plugin?.type === type,
  })),
  { key: 'loadBalancer.group', isUsed: proxy => proxy.loadBalancer.group !== '' },
  { key: 'healthCheck', isUsed: proxy => proxy.healthCheck.type !== '' },
]

const visitorErrors: readonly Gap<VisitorConfig>[] = [
  {
    key: 'plugin',
    says: 'plugin virtual_net',
    isUsed: visitor => visitor.plugin !== undefined,
  },
]

export interface Gaps {
  readonly errors: Problem[]
  readonly warnings: Problem[]
}

export function serverGaps(config: ServerConfig): Gaps {
  return { errors: errors(serverErrors, config, []), warnings: warnings(serverWarnings, config) }
}

export function clientGaps(config: ClientConfig): Gaps {
  return { errors: errors(clientErrors, config, []), warnings: warnings(clientWarnings, config) }
}

export function proxyGaps(proxy: ProxyConfig, path: KeyPath): Problem[] {
  return errors(proxyErrors, proxy, path)
}

export function visitorGaps(visitor: VisitorConfig, path: KeyPath): Problem[] {
  return errors(visitorErrors, visitor, path)
}

function protocolGap(protocol: ClientConfig['transport']['protocol']): Gap<ClientConfig> {
  return {
    key: 'transport.protocol',
    says: `transport.protocol ${protocol}`,
    isUsed: config => config.transport.protocol === protocol,
  }
}

function typeGap<T extends { readonly type: string }>(type: T['type']): Gap<T> {
  return { key: 'type', says: `type ${type}`, isUsed: config => config.type === type }
}

function errors<T>(gaps: readonly Gap<T>[], config: T, path: KeyPath): Problem[] {
  return gaps
    .filter(gap => gap.isUsed(config))
    .map(gap => ({
      path: [...path, ...gap.key.split('.')],
      text: `${gap.says ?? gap.key} is not available in this version of quicfrp yet`,
    }))
}

function warnings<T>(gaps: readonly Gap<T>[], config: T): Problem[] {
  return gaps
    .filter(gap => gap.isUsed(config))
    .map(gap => ({ path: gap.key.split('.'), text: gap.says ?? gap.key }))
}
