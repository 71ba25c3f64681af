// The ids under which datagrams reach one connection (RFC 9000 section 5.1): the endpoint's map has
// each of them from its offer to its retirement.

import { randomBytes } from 'node:crypto'
import type { QuicConnection } from './connection.ts'
import { CID_BYTES, cidKey } from './packet.ts'

/** What the ids need of the endpoint. */
export interface CidRegistry {
  addCid(key: string, connection: QuicConnection): void
  removeCid(key: string): void
  /** The token that a stateless reset for this id will carry, as quiche takes it. */
  resetToken(cid: Uint8Array): bigint
}

export class ConnectionIds {
  readonly #connection: QuicConnection
  readonly #registry: CidRegistry
  readonly #keys = new Set<string>()

  /** Begins with the id under which `connection` was made. */
  constructor(connection: QuicConnection, registry: CidRegistry) {
    this.#connection = connection
    this.#registry = registry
    this.add(cidKey(connection.native.sourceId()))
  }

  /** Another id that counts (a server's client chooses the first one). */
  add(key: string): void {
    this.#keys.add(key)
    this.#registry.addCid(key, this.#connection)
  }

  remove(key: string): void {
    if (this.#keys.delete(key)) this.#registry.removeCid(key)
  }

  /** The connection is over. */
  removeAll(): void {
    for (const key of this.#keys) this.#registry.removeCid(key)
  }

  /**
   * Gives the peer spare ids, so that a rebinding or a new path never lacks one. A real frpc moves
   * to one as soon as the handshake is done, so each has the token that a restarted server would
   * reset it with.
   */
  offer(): void {
    const { native } = this.#connection
    while (native.sourceCidsLeft() > 0) {
      const cid = randomBytes(CID_BYTES)
      try {
        native.newSourceCid(cid, this.#registry.resetToken(cid), false)
      } catch {
        // The peer's limit is reached: it has what it wants.
        return
      }
      this.add(cidKey(cid))
    }
  }

  /** Drops the ids that the peer has given back; true where it gave back any. */
  dropRetired(): boolean {
    const { native } = this.#connection
    let isAny = false
    for (let cid = native.retiredScidNext(); cid !== null; cid = native.retiredScidNext()) {
      this.remove(cidKey(cid))
      isAny = true
    }
    return isAny
  }
}
