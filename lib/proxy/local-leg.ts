// The leg of one proxy between its client and frps: its bandwidth limit, and the layers that frp
// puts on a work stream there (frp-wire.md §1.11). The limit is one for all streams of the proxy.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { ProxyConfig } from '../config/index.ts'
import { layerStream, type StreamLimiter } from '../stream/layers.ts'
import { TokenBucket } from '../stream/limit.ts'

export interface LocalLegOptions {
  /** The key of the token (deriveKey), for proxies with useEncryption. */
  readonly encryptionKey: Buffer
  readonly clock: Clock
}

export class LocalLeg {
  readonly clock: Clock
  readonly #encryptionKey: Buffer
  readonly #transport: ProxyConfig['transport']
  readonly #limiter: StreamLimiter | undefined

  constructor({ transport }: ProxyConfig, { encryptionKey, clock }: LocalLegOptions) {
    this.clock = clock
    this.#encryptionKey = encryptionKey
    this.#transport = transport
    const { bandwidthLimit, bandwidthLimitMode } = transport
    if (bandwidthLimitMode === 'client' && bandwidthLimit.bytesPerSecond > 0) {
      const bucket = new TokenBucket(bandwidthLimit.bytesPerSecond, clock.now())
      this.#limiter = { bucket, side: 'wire' }
    }
  }

  /** For packets that do not pass a stream. */
  get bucket(): TokenBucket | undefined {
    return this.#limiter?.bucket
  }

  /**
   * The bytes as they are inside the layers between us and the server; on a direct way the key is
   * the secret's.
   */
  layered(stream: Duplex, encryptionKey: Buffer = this.#encryptionKey): Duplex {
    const { useEncryption, useCompression } = this.#transport
    return layerStream(stream, {
      compression: useCompression,
      ...(useEncryption && { encryptionKey }),
      ...(this.#limiter && { limiter: this.#limiter, clock: this.clock }),
    })
  }

  /** End to end there is a layer of its own, and of those between us and frps the limit stays. */
  limited(stream: Duplex): Duplex {
    return layerStream(stream, { limiter: this.#limiter, clock: this.clock })
  }
}
