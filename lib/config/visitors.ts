// The keys of visitors, by type (frp-surface.md section 3.10).

import { visitorPluginKey } from './plugins.ts'
import { natTraversal, priorityKey, udpRedundancyKey } from './proxies.ts'
import { constant, flag, int, object, oneOf, secret, text, type Table } from './schema.ts'
import type {
  SudpVisitorConfig,
  VisitorBase,
  VisitorConfig,
  VisitorTransportConfig,
  VisitorType,
} from './types.ts'

type VisitorTables = {
  readonly [T in VisitorType]: Table<Extract<VisitorConfig, { readonly type: T }>>
}

const transportKeys: Table<VisitorTransportConfig> = {
  useEncryption: flag(false, { ini: 'use_encryption' }),
  useCompression: flag(false, { ini: 'use_compression' }),
  priority: priorityKey,
}

const base: Table<VisitorBase> = {
  name: text('', { check: name => (name === '' ? 'name is required' : undefined) }),
  enabled: flag(true),
  transport: object<VisitorTransportConfig>(transportKeys),
  secretKey: secret({ ini: 'sk' }),
  requireEndToEnd: flag(false, { ini: 'require_end_to_end' }),
  serverUser: text('', { ini: 'server_user' }),
  serverName: text('', {
    ini: 'server_name',
    check: name => (name === '' ? 'server name is required' : undefined),
  }),
  bindAddr: text('127.0.0.1', { ini: 'bind_addr' }),
  bindPort: int(0, {
    ini: 'bind_port',
    check: port => (port === 0 ? 'bind port is required' : undefined),
  }),
  plugin: visitorPluginKey,
}

export const visitorTables: VisitorTables = {
  stcp: { ...base, type: constant('stcp') },
  sudp: {
    ...base,
    type: constant('sudp'),
    transport: object<SudpVisitorConfig['transport']>({
      ...transportKeys,
      udpRedundancy: udpRedundancyKey,
    }),
  },
  xtcp: {
    ...base,
    type: constant('xtcp'),
    protocol: oneOf(['quic', 'kcp'], 'quic', () => 'protocol should be kcp or quic', {
      ini: 'protocol',
    }),
    keepTunnelOpen: flag(false, { ini: 'keep_tunnel_open' }),
    maxRetriesAnHour: int(8, { ini: 'max_retries_an_hour' }),
    minRetryInterval: int(90, { ini: 'min_retry_interval' }),
    fallbackTo: text('', { ini: 'fallback_to' }),
    fallbackTimeoutMs: int(1000, { ini: 'fallback_timeout_ms' }),
    natTraversal,
    relay: flag(true, { ini: 'relay' }),
    network: oneOf(['tcp', 'udp'], 'tcp', () => 'network should be tcp or udp', {
      ini: 'network',
    }),
  },
}

export function isVisitorType(type: string): type is VisitorType {
  return Object.hasOwn(visitorTables, type)
}
