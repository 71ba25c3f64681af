// The ways to one peer: the relay, a flow through frps that is replaced with each session, and the
// paths that punching has opened. Here they are numbered, sent on and listened to.

import { type Address, formatAddress } from '../address.ts'
import type { Flow } from '../datagram/index.ts'
import type { Route } from '../../nat/index.ts'
import { type Carrier, PEER, type PeerSocket } from './peer-socket.ts'
import { isStun, type PathReceiver, type PeerPort } from './port.ts'

/** Addresses that have shown a valid probe and are listened to, before and beside paths. */
const MAX_LISTENED = 64

export interface RoutesEvents {
  /** A probe or a note. True when it was one of this peer's. */
  onStun(route: Route | undefined, socket: number, data: Buffer, from: Address): boolean
  /** The relay has ended by itself. */
  onRelayLost(): void
}

interface Path extends PathReceiver {
  readonly socket: number
  readonly remote: Address
  /** Undefined while only listened to. */
  id: number | undefined
}

export class Routes {
  readonly #socket: PeerSocket
  readonly #port: PeerPort | undefined
  readonly #events: RoutesEvents
  readonly #listened = new Map<string, Path>()
  readonly #paths = new Map<number, Path>()
  readonly #heard = new Set<Route>()
  readonly #endListening: (() => void) | undefined
  #relay: Flow | undefined
  #nextId = 1

  constructor(socket: PeerSocket, port: PeerPort | undefined, events: RoutesEvents) {
    this.#socket = socket
    this.#port = port
    this.#events = events
    this.#endListening = port?.listen((number, data, from) => {
      return events.onStun(this.#pathTo(number, from)?.id, number, data, from)
    })
  }

  /** The flow is owned from now on; the one before is closed. */
  setRelay(flow: Flow): void {
    const before = this.#relay
    this.#relay = flow
    before?.close()
    flow.onPacket(payload => {
      if (isStun(payload)) {
        this.#events.onStun('relay', 0, payload, PEER)
        return
      }
      this.#heard.add('relay')
      this.#socket.deliver(payload, payload.length)
    })
    flow.onClose(() => {
      if (this.#relay !== flow) return
      this.#relay = undefined
      this.#events.onRelayLost()
    })
  }

  /**
   * The peer has shown at this address that it is itself: what it sends from there is taken, even
   * before the way is known to be a path.
   */
  listenTo(socket: number, remote: Address): void {
    if (this.#pathTo(socket, remote) === undefined) this.#listen(socket, remote)
  }

  /** The number of a path, a new one where it is new. */
  add(socket: number, remote: Address): number {
    const path = this.#pathTo(socket, remote) ?? this.#listen(socket, remote)
    const id = path.id ?? this.#nextId++
    path.id = id
    this.#paths.set(id, path)
    return id
  }

  /** Its socket is closed where it was the path's own. */
  remove(id: number): void {
    const path = this.#paths.get(id)
    if (path === undefined) return
    this.#paths.delete(id)
    this.#forget(path)
    this.#port?.closeExtra([path.socket])
  }

  /** Where a path leads; undefined for the relay. */
  remoteOf(route: Route): Address | undefined {
    return route === 'relay' ? undefined : this.#paths.get(route)?.remote
  }

  /** Whether the socket belongs to a path. */
  isUsed(socket: number): boolean {
    return [...this.#paths.values()].some(path => path.socket === socket)
  }

  /** `10.0.0.1:4000`, or `frps`. */
  describe(route: Route): string {
    const remote = this.remoteOf(route)
    return remote === undefined ? 'frps' : formatAddress(remote)
  }

  carrier(route: Route): Carrier | undefined {
    if (route !== 'relay') {
      const path = this.#paths.get(route)
      const port = this.#port
      if (path === undefined || port === undefined) return undefined
      const { socket, remote } = path
      return { send: (burst, size) => port.sendBurst(socket, burst, size, remote) }
    }
    return {
      send: (burst, size) => {
        for (let at = 0; at < burst.length; at += size) {
          this.#relay?.send(burst.subarray(at, at + size))
        }
        return 'sent'
      },
    }
  }

  /** One datagram beside QUIC. */
  send(route: Route, data: Buffer): void {
    this.carrier(route)?.send(data, data.length)
  }

  /** The routes on which datagrams came since the last call. */
  takeHeard(): Route[] {
    const heard = [...this.#heard]
    this.#heard.clear()
    return heard
  }

  close(): void {
    this.#endListening?.()
    for (const id of [...this.#paths.keys()]) this.remove(id)
    for (const path of [...this.#listened.values()]) this.#forget(path)
    this.#relay?.close()
    this.#relay = undefined
  }

  #pathTo(socket: number, remote: Address): Path | undefined {
    return this.#listened.get(keyOf(socket, remote))
  }

  #listen(socket: number, remote: Address): Path {
    const path: Path = {
      socket,
      remote,
      id: undefined,
      knows: data => this.#socket.knows?.(data) === true,
      deliver: (data, segmentBytes) => {
        if (path.id !== undefined) this.#heard.add(path.id)
        this.#socket.deliver(data, segmentBytes)
      },
      endBatch: () => this.#socket.endBatch(),
      onWritable: () => this.#socket.onWritable?.(),
    }
    if (this.#listened.size >= MAX_LISTENED) this.#forgetOldest()
    this.#listened.set(keyOf(socket, remote), path)
    this.#port?.bind(socket, remote, path)
    return path
  }

  #forgetOldest(): void {
    for (const path of this.#listened.values()) {
      if (path.id !== undefined) continue
      this.#forget(path)
      return
    }
  }

  #forget(path: Path): void {
    this.#listened.delete(keyOf(path.socket, path.remote))
    this.#port?.unbind(path.socket, path.remote, path)
  }
}

function keyOf(socket: number, { ip, port }: Address): string {
  return `${socket} ${ip} ${port}`
}
