// One player's way to the local service: a connected UDP socket of his own, so that the service
// sees one port for each player.

import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Address } from '../address.ts'

export interface LocalUdpEvents {
  /** `payload` is lent for the duration of the call. */
  onPacket(payload: Buffer): void
  /** ICMP has refused a packet, or the socket could not be made. It stays usable if it was. */
  onError(error: Error): void
}

export interface LocalUdpOptions {
  /** An IP address and a port. */
  readonly service: Address
  /** Where packets come from for the service; undefined leaves it to the system. */
  readonly source?: string | undefined
}

/** Packets that wait for the first moments of the socket. */
const MAX_EARLY = 64

export class LocalUdp {
  readonly #socket: Socket
  readonly #onError: (error: Error) => void
  #early: Buffer[] | undefined = []
  #isClosed = false

  constructor({ service, source }: LocalUdpOptions, { onPacket, onError }: LocalUdpEvents) {
    const family = isIPv6(service.ip) ? 6 : 4
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
    this.#socket.connect(service.port, service.ip)
  }

  /** Best effort. The payload may be used again after the call. */
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
