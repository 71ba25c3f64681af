// A UDP path between clients and a server, as a NAT and a bad link would make it: it can lose and
// reorder datagrams, change the port that the server sees, and show what passes.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Test } from 'tap'
import type { Random } from './random.ts'

export type Direction = 'up' | 'down'

export interface UdpRelayOptions {
  /** Port of the server on 127.0.0.1. */
  readonly port: number
  readonly random?: Random
  /** Of 100 datagrams so many are lost, and so many are overtaken by up to three others. */
  readonly lossPercent?: number
  readonly reorderPercent?: number
  /** Sees each datagram before it is lost or sent; the bytes are its own. */
  readonly onDatagram?: (datagram: Buffer, direction: Direction) => void
}

/** A datagram that waits for others does not wait longer; on an idle link nothing would overtake. */
const OVERTAKEN_MS = 5
const OVERTAKEN_BY = 3
const SOCKET_BUFFER_BYTES = 4 << 20

/** Closed by the test's end. Serves any number of clients, each with a port of its own. */
export async function openUdpRelay(t: Test, options: UdpRelayOptions): Promise<UdpRelay> {
  const relay = new UdpRelay(await openSocket(), options)
  t.teardown(() => relay.close())
  return relay
}

interface Client {
  readonly address: string
  readonly port: number
}

interface Flow {
  readonly client: Client
  /** The server knows the client by its port. */
  outer: Socket
}

interface Overtaken {
  left: number
  readonly release: () => void
}

export class UdpRelay {
  /** Clients connect here. */
  readonly port: number
  passed = 0
  lost = 0
  overtaken = 0
  readonly #inner: Socket
  readonly #options: UdpRelayOptions
  readonly #flows = new Map<string, Promise<Flow>>()
  readonly #sockets = new Set<Socket>()
  readonly #waiting: Record<Direction, Set<Overtaken>> = { up: new Set(), down: new Set() }
  #isClosed = false

  constructor(inner: Socket, options: UdpRelayOptions) {
    this.#inner = inner
    this.#options = options
    this.port = inner.address().port
    this.#sockets.add(inner)
    inner.on('message', (datagram, { address, port }) => {
      const key = `${address} ${port}`
      const flow = this.#flows.get(key) ?? this.#openFlow({ address, port })
      this.#flows.set(key, flow)
      void flow.then(({ outer }) => {
        this.#pass(datagram, 'up', () => outer.send(datagram, this.#options.port, '127.0.0.1'))
      })
    })
  }

  /** From now on the server sees every client at a new port; what it sends to an old one is lost. */
  async rebind(): Promise<void> {
    for (const pending of this.#flows.values()) {
      const flow = await pending
      const old = flow.outer
      flow.outer = await this.#openOuter(flow.client)
      this.#sockets.delete(old)
      old.close()
    }
  }

  close(): void {
    this.#isClosed = true
    for (const socket of this.#sockets) socket.close()
  }

  async #openFlow(client: Client): Promise<Flow> {
    return { client, outer: await this.#openOuter(client) }
  }

  async #openOuter(client: Client): Promise<Socket> {
    const outer = await openSocket()
    this.#sockets.add(outer)
    outer.on('message', datagram => {
      this.#pass(datagram, 'down', () => this.#inner.send(datagram, client.port, client.address))
    })
    return outer
  }

  #pass(datagram: Buffer, direction: Direction, send: () => void): void {
    const { random, lossPercent = 0, reorderPercent = 0, onDatagram } = this.#options
    onDatagram?.(datagram, direction)
    if (random && random.below(100) < lossPercent) {
      this.lost++
      return
    }
    this.passed++
    if (random && random.below(100) < reorderPercent) {
      this.#hold(direction, 1 + random.below(OVERTAKEN_BY), send)
      return
    }
    if (!this.#isClosed) send()
    for (const waiting of this.#waiting[direction]) {
      if (--waiting.left === 0) waiting.release()
    }
  }

  #hold(direction: Direction, left: number, send: () => void): void {
    this.overtaken++
    const timer = setTimeout(() => overtaken.release(), OVERTAKEN_MS)
    const overtaken: Overtaken = {
      left,
      release: () => {
        clearTimeout(timer)
        this.#waiting[direction].delete(overtaken)
        if (!this.#isClosed) send()
      },
    }
    this.#waiting[direction].add(overtaken)
  }
}

async function openSocket(): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
  })
  // ICMP answers and what is too long for a path: the datagram is lost, as on a real one.
  socket.on('error', () => {})
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}
