// The way through frps: each user's stream is one of the session, asked for with the proxy's name.

import { visitorStream } from '../e2e/index.ts'
import { layerStream } from '../stream/layers.ts'
import { deriveKey } from '../wire/cipher.ts'
import { Target } from './exchange.ts'
import type { VisitorHost } from './host.ts'
import {
  END_TO_END,
  NOT_END_TO_END,
  type PathStream,
  type Route,
  type VisitorPath,
} from './path.ts'

export class RelayPath implements VisitorPath {
  readonly #host: VisitorHost
  readonly #target: Target
  #isEndToEnd: boolean | undefined

  constructor(target: Target, host: VisitorHost) {
    this.#host = host
    this.#target = target
  }

  get route(): Route | undefined {
    const session = this.#host.current()?.session
    return session && { kind: 'relay', address: session.remoteAddress }
  }

  /** It never changes by itself: it is there when the session is. */
  onRoute(): void {}

  async openStream({ signal }: { readonly signal: AbortSignal }): Promise<PathStream> {
    const { clock } = this.#host
    const from = await this.#host.session({ signal })
    const { stream, sealed } = await this.#target.open(from, { signal, clock })
    this.#note(sealed !== undefined)
    const halfClose = from.features.includes('half-close')
    if (sealed) return { stream: visitorStream(stream, sealed), halfClose, isEndToEnd: true }
    const { secretKey, transport } = this.#target.config
    const encryptionKey = transport.useEncryption ? deriveKey(secretKey.reveal()) : undefined
    const plain = layerStream(stream, { encryptionKey, compression: transport.useCompression })
    return { stream: plain, halfClose, isEndToEnd: false }
  }

  async close(): Promise<void> {}

  /** One line when it becomes known who can read, and one when that changes. */
  #note(isEndToEnd: boolean): void {
    if (isEndToEnd === this.#isEndToEnd) return
    this.#isEndToEnd = isEndToEnd
    this.#host.log.info(isEndToEnd ? END_TO_END : NOT_END_TO_END)
  }
}
