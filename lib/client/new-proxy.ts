// The registration of one proxy: its config as the message NewProxy (frp-wire.md §2.4). What only
// the client needs (local address, PROXY protocol, client-side limit) stays here and is not sent.

import type { ProxyConfig, ProxyType } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { Draft, NewProxy } from '../wire/messages.ts'
import { wireName } from './names.ts'

/**
 * Throws UNSUPPORTED for a type that this client does not have yet, and CONFIG_INVALID for a proxy
 * that does not fit into a message: sent later, it would end the session of all the others.
 */
export function checkProxy(user: string, proxy: ProxyConfig): void {
  try {
    encodeMessage(newProxyMessage(user, proxy))
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code !== 'LIMIT_EXCEEDED') throw error
    const detail = `proxy ${proxy.name}: ${error.detail}; shorten its metadatas or annotations`
    throw new TunnelError('CONFIG_INVALID', detail, { cause: error })
  }
}

const TYPES: readonly ProxyType[] = ['tcp', 'udp', 'stcp', 'sudp', 'xtcp']

/** Throws UNSUPPORTED for a type that this client does not have yet. */
export function newProxyMessage(user: string, proxy: ProxyConfig): Draft<NewProxy> {
  if (!TYPES.includes(proxy.type)) {
    const detail = `proxy ${proxy.name}: type ${proxy.type} does not exist yet`
    throw new TunnelError('UNSUPPORTED', detail)
  }
  const { transport, loadBalancer } = proxy
  return {
    type: 'NewProxy',
    proxy_name: wireName(user, proxy.name),
    proxy_type: proxy.type,
    use_encryption: transport.useEncryption,
    use_compression: transport.useCompression,
    bandwidth_limit: transport.bandwidthLimit.text,
    bandwidth_limit_mode: transport.bandwidthLimitMode === 'server' ? 'server' : '',
    group: loadBalancer.group,
    group_key: loadBalancer.groupKey.reveal(),
    metas: proxy.metadatas,
    annotations: proxy.annotations,
    ...('remotePort' in proxy && { remote_port: proxy.remotePort }),
    ...('secretKey' in proxy && {
      sk: proxy.secretKey.reveal(),
      allow_users: proxy.allowUsers,
    }),
  }
}
