// The way of a sudp visitor's packets through frps: a flow link to the owner, whose packets only he
// can read, or frp's stream of messages where a real frp is on the way.

import {
  beginFlowLink,
  type FlowLink,
  frpFlowLink,
  type FlowLinkOptions,
  openFlowLink,
} from '../datagram/index.ts'
import type { SessionKeys } from '../e2e/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { sealedLink } from '../proxy/sealed-link.ts'
import { layerStream } from '../stream/layers.ts'
import { deriveKey } from '../wire/cipher.ts'
import { KEY_HINT, type Sealed, type Target } from './exchange.ts'
import type { VisitorHost, VisitorSession } from './host.ts'

export interface PacketPath {
  readonly link: FlowLink
  readonly isEndToEnd: boolean
  /** Of an end-to-end way: its keys, and where the server sees the owner. */
  readonly sealed: Sealed | undefined
}

/** Rejects with ABORTED, PROXY_REFUSED, AUTH_FAILED, PROTOCOL_ERROR, SESSION_CLOSED, TIMED_OUT. */
export async function openPacketPath(
  target: Target,
  host: VisitorHost,
  { signal }: { readonly signal: AbortSignal },
): Promise<PacketPath> {
  const { clock } = host
  const from = await host.session({ signal })
  // Packets can be lost, so none of them can be the proof: it must travel with the offer.
  const early = (): undefined => undefined
  const { stream, sealed } = await target.open(from, { signal, clock, early })
  if (sealed === undefined) {
    const { secretKey, transport } = target.config
    const encryptionKey = transport.useEncryption ? deriveKey(secretKey.reveal()) : undefined
    const plain = layerStream(stream, { encryptionKey, compression: transport.useCompression })
    return { link: frpFlowLink({ stream: plain, side: 'user', clock }), isEndToEnd: false, sealed }
  }
  const { transport } = target.config
  const redundancy = 'udpRedundancy' in transport ? transport.udpRedundancy : undefined
  const options = { stream, session: datagramsOf(from), clock, redundancy }
  const link = await openFlowLink(options).catch(notLetIn)
  return { link: sealOf(link, sealed.keys), isEndToEnd: true, sealed }
}

/**
 * A way as openPacketPath's for somebody who has packets for the owner at once: `begin` is given the
 * link before anybody has answered, and again, with other keys, when the owner has another prekey.
 * Resolves with the last of what it made when the owner has let us in. Rejects as openPacketPath,
 * and with UNSUPPORTED.
 */
export async function openEarlyPath<Begun>(
  target: Target,
  host: VisitorHost,
  { signal, begin }: {
    readonly signal: AbortSignal
    readonly begin: (link: FlowLink, keys: SessionKeys) => Begun
  },
): Promise<{ readonly begun: Begun; readonly sealed: Sealed }> {
  const { clock } = host
  const from = await host.session({ signal })
  const { sealed, early } = await target.open(from, {
    signal,
    clock,
    early: (stream, { keys }) => {
      const { link, answered } = beginFlowLink({ stream, session: datagramsOf(from), clock })
      return { begun: begin(sealOf(link, keys), keys), answered }
    },
  })
  if (sealed === undefined || early === undefined) {
    throw new TunnelError('UNSUPPORTED', 'the way is not end to end')
  }
  await early.answered().catch(notLetIn)
  return { begun: early.begun, sealed }
}

function datagramsOf({ features, session }: VisitorSession): FlowLinkOptions['session'] {
  return features.includes('datagrams') ? session : undefined
}

function sealOf(link: FlowLink, { toProxy, toVisitor }: SessionKeys): FlowLink {
  return sealedLink(link, { sending: toProxy, receiving: toVisitor }, () => undefined)
}

function notLetIn(error: unknown): never {
  const detail = `the proxy did not let us in (${errorDetail(error)})`
  throw new TunnelError('AUTH_FAILED', `${detail}; ${KEY_HINT}`)
}
