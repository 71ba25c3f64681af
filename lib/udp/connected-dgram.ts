// The portable connected socket: node:dgram, one packet a call.

import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { ConnectedHandler, ConnectedOptions, ConnectedSocket } from './connected.ts'

/** Packets that wait for the first moments of the socket. */
const MAX_EARLY = 64

export class DgramConnectedSocket implements ConnectedSocket {
  readonly #socket: Socket
  readonly #onError: (error: Error) => void
  #early: Buffer[] | undefined = []
  #isClosed = false

  constructor({ to, source }: ConnectedOptions, { onPacket, onError }: ConnectedHandler) {
    const family = isIPv6(to.ip) ? 6 : 4
    this.#onError = onError
    this.#socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      // The address is one already; Node would send it through its thread pool.
      lookup: (ip, _options, done) => done(null, ip, family),
    })
    this.#socket.on('message', onPacket)
    this.#socket.on('error', onError)
    if (source !== undefined) this.#socket.bind({ address: source, exclusive: true })
    this.#socket.on('connect', () => this.#handleConnected())
    this.#socket.connect(to.port, to.ip)
  }

  send(payload: Buffer): void {
    if (this.#isClosed) return
    if (this.#early === undefined) this.#socket.send(Buffer.from(payload), this.#handleSent)
    else if (this.#early.length < MAX_EARLY) this.#early.push(Buffer.from(payload))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.close()
  }

  #handleConnected(): void {
    if (this.#isClosed) return
    const early = this.#early ?? []
    this.#early = undefined
    for (const payload of early) this.#socket.send(payload, this.#handleSent)
  }

  /** One for all, since each send asks for one. */
  readonly #handleSent = (error: Error | null): void => {
    if (error && !this.#isClosed) this.#onError(error)
  }
}
