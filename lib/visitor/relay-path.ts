// The way through frps: each user's stream is one of the session, asked for with the proxy's name.

import type { Duplex } from 'node:stream'
import { type Sealing, visitorStream } from '../e2e/index.ts'
import { layerStream } from '../stream/layers.ts'
import { deriveKey } from '../wire/cipher.ts'
import { Target } from './exchange.ts'
import { type FirstBytes, nextPoll } from './first-bytes.ts'
import type { VisitorHost } from './host.ts'
import {
  END_TO_END,
  NOT_END_TO_END,
  type OpenStreamOptions,
  type PathStream,
  type Route,
  type VisitorPath,
} from './path.ts'

export class RelayPath implements VisitorPath {
  readonly #host: VisitorHost
  readonly #target: Target
  readonly #closing = new AbortController()
  #isEndToEnd: boolean | undefined

  constructor(target: Target, host: VisitorHost) {
    this.#host = host
    this.#target = target
  }

  get route(): Route | undefined {
    const session = this.#host.current()?.session
    return session && { kind: 'relay', address: session.remoteAddress }
  }

  start(): void {
    void this.#target.prepare(this.#host, this.#closing.signal)
  }

  /** It never changes by itself: it is there when the session is. */
  onRoute(): void {}

  async openStream({ signal, first }: OpenStreamOptions): Promise<PathStream> {
    const { clock } = this.#host
    const from = await this.#host.session({ signal })
    const isEarly = this.#target.knowsPrekey(clock.now())
    if (isEarly) await nextPoll()
    const { stream, sealed, early } = await this.#target.open(from, {
      signal,
      clock,
      early: isEarly ? (...begun) => sendEarly(...begun, first) : undefined,
    })
    this.#note(sealed !== undefined)
    const halfClose = from.features.includes('half-close')
    if (early) return { stream: early, halfClose, isAccepted: false }
    if (sealed) return { stream: visitorStream(stream, sealed), halfClose, isAccepted: false }
    const { secretKey, transport } = this.#target.config
    const encryptionKey = transport.useEncryption ? deriveKey(secretKey.reveal()) : undefined
    const plain = layerStream(stream, { encryptionKey, compression: transport.useCompression })
    return { stream: plain, halfClose, isAccepted: true }
  }

  async close(): Promise<void> {
    this.#closing.abort()
  }

  /** One line when it becomes known who can read, and one when that changes. */
  #note(isEndToEnd: boolean): void {
    if (isEndToEnd === this.#isEndToEnd) return
    this.#isEndToEnd = isEndToEnd
    this.#host.log.info(isEndToEnd ? END_TO_END : NOT_END_TO_END)
  }
}

/** The stream as the owner will read it, with the user's first bytes on it. */
function sendEarly(stream: Duplex, sealing: Sealing, first: FirstBytes | undefined): Duplex {
  const plain = visitorStream(stream, { ...sealing, isProven: true })
  // Where the owner has another prekey it ends without ever having had an owner.
  plain.on('error', ignore)
  first?.sendTo(plain)
  return plain
}

function ignore(): void {}
