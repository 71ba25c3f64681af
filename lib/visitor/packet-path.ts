// The way of a sudp visitor's packets through frps: a flow link to the owner, whose packets only he
// can read, or frp's stream of messages where a real frp is on the way.

import { type FlowLink, frpFlowLink, openFlowLink } from '../datagram/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { sealedLink } from '../proxy/sealed-link.ts'
import { layerStream } from '../stream/layers.ts'
import { deriveKey } from '../wire/cipher.ts'
import { KEY_HINT, type Sealed, type Target } from './exchange.ts'
import type { VisitorHost } from './host.ts'

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
  const session = from.features.includes('datagrams') ? from.session : undefined
  try {
    const { transport } = target.config
    const redundancy = 'udpRedundancy' in transport ? transport.udpRedundancy : undefined
    const link = await openFlowLink({ stream, session, clock, redundancy })
    const ends = { sending: sealed.keys.toProxy, receiving: sealed.keys.toVisitor }
    return { link: sealedLink(link, ends, () => undefined), isEndToEnd: true, sealed }
  } catch (error) {
    const detail = `the proxy did not let us in (${errorDetail(error)})`
    throw new TunnelError('AUTH_FAILED', `${detail}; ${KEY_HINT}`)
  }
}
