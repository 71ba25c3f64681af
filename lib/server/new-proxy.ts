// From a NewProxy message to what a proxy is started with, or the text of its refusal. Pure. Checks
// of frp's server (frp-surface.md sections 3.8 and 4.3); all that a message holds is hostile until
// it passed here.

import { parseBandwidthLimit } from '../config/index.ts'
import { publicKeyOf } from '../e2e/index.ts'
import { TunnelError } from '../errors.ts'
import type { ProxySpec, SecretSpec } from '../proxy/host.ts'
import { proxyStarters } from '../proxy/registry.ts'
import type { StreamPriority } from '../transport/transport.ts'
import type { NewProxy, StringMap } from '../wire/messages.ts'
import { hasControlCharacter } from './login.ts'
import { priorityNamed } from './priority.ts'

/**
 * Longer names would make our log and the status table unreadable; the frame limit alone allows 10
 * kB.
 */
const MAX_NAME = 512

/** Throws PROXY_REFUSED; `detail` is the text for the client. */
export function checkNewProxy(message: NewProxy): ProxySpec {
  const type = message.proxy_type === '' ? 'tcp' : message.proxy_type
  if (!Object.hasOwn(proxyStarters, type)) throw refused(`unknown proxy type: ${type}`)
  const name = message.proxy_name
  if (name === '') throw refused('name should not be empty')
  if (name.length > MAX_NAME) throw refused(`name is longer than ${MAX_NAME} characters`)
  if (hasControlCharacter(name)) throw refused('name has a control character')
  checkAnnotations(message.annotations)
  if (message.group !== '') throw refused('loadBalancer.group is not supported by this server yet')
  if (message.remote_port < 0 || message.remote_port > 65_535) throw refused('port not allowed')
  return {
    name,
    type,
    remotePort: message.remote_port,
    useEncryption: message.use_encryption,
    useCompression: message.use_compression,
    priority: priorityOf(message.quicfrp?.priority ?? ''),
    limitBytesPerSecond: serverLimit(message),
    annotations: message.annotations,
    metadatas: message.metas,
    ...(SECRET_TYPES.includes(type) && { secret: secretOf(message) }),
  }
}

function priorityOf(word: string): StreamPriority {
  const priority = priorityNamed(word)
  if (priority === undefined) throw refused('the priority is none of auto, interactive, bulk')
  return priority
}

const SECRET_TYPES: readonly string[] = ['stcp', 'sudp', 'xtcp']

function secretOf(message: NewProxy): SecretSpec {
  const { sk, allow_users: allowUsers, use_compression: useCompression } = message
  const prekey = message.quicfrp?.prekey ?? ''
  if (prekey !== '' && publicKeyOf(prekey) === undefined) throw refused('the prekey is none')
  return { sk, prekey, allowUsers, useCompression }
}

/** The client enforces the limit itself unless the mode says `server`. */
function serverLimit({ bandwidth_limit_mode: mode, bandwidth_limit: text }: NewProxy): number {
  if (mode !== '' && mode !== 'client' && mode !== 'server') {
    throw refused('bandwidth limit mode should be client or server')
  }
  if (text === '') return 0
  try {
    const { bytesPerSecond } = parseBandwidthLimit(text)
    return mode === 'server' ? bytesPerSecond : 0
  } catch (error) {
    throw refused(error instanceof TunnelError ? error.detail : 'unit not support')
  }
}

/** Keys are Kubernetes' qualified names: `[dns-prefix/]name`, compared in lower case. */
function checkAnnotations(annotations: StringMap): void {
  for (const key of Object.keys(annotations)) {
    const parts = key.toLowerCase().split('/')
    const name = parts.at(-1) ?? ''
    const prefix = parts.length === 2 ? parts[0] : undefined
    const isName = name.length <= 63 && /^[a-z\d]([\w.-]*[a-z\d])?$/.test(name)
    const label = '[a-z\\d]([a-z\\d-]*[a-z\\d])?'
    const isPrefix =
      prefix === undefined ||
      (prefix.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(prefix))
    if (parts.length > 2 || !isName || !isPrefix) {
      throw refused(`annotation key ${printable(key)} is invalid: not a qualified name`)
    }
  }
}

function printable(text: string): string {
  return hasControlCharacter(text) ? JSON.stringify(text) : text
}

function refused(detail: string): TunnelError {
  return new TunnelError('PROXY_REFUSED', detail)
}
