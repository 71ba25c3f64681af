// The sockets of one hole: the one that STUN servers have seen, and those that a hard NAT needs
// beside it. Whichever gets through is handed to the tunnel as it is, because its mapping is the
// one that was tested; all others are closed.

import type { Address } from '../address.ts'
import {
  type DatagramHandler,
  openPlainSocket,
  openUdpSocket,
  type SendResult,
  type UdpSocket,
} from '../udp/index.ts'

/** Takes what comes in; true when it was nobody else's. `data` is lent for the call. */
export type HoleListener = (socket: number, data: Buffer, from: Address) => boolean

/** The peer's tunnel may be faster than ours; what waits here spares him his first time-out. */
const MAX_EARLY = 4
/** frp's exchange knows no IPv6. */
const ANY_IPV4: Address = { ip: '0.0.0.0', port: 0 }

export class HoleSockets {
  readonly #sockets: HandedSocket[] = []
  #listener: HoleListener | undefined

  /** Rejects with the system's error. */
  static async open(): Promise<HoleSockets> {
    const sockets = new HoleSockets()
    sockets.#add(await openUdpSocket(ANY_IPV4))
    return sockets
  }

  private constructor() {}

  /** Of the first socket. */
  get port(): number {
    return this.#sockets[0]?.address.port ?? 0
  }

  /** One listener at a time. */
  listen(listener: HoleListener | undefined): void {
    this.#listener = listener
  }

  /** `ttl` 0 = the system's; where a low one cannot be set the packet is left out. */
  send(socket: number, data: Buffer, to: Address, ttl = 0): SendResult {
    const target = this.#sockets[socket]
    if (target === undefined) return 'failed'
    if (ttl === 0) return target.send(data, data.length, to)
    return target.sendWithTtl(data, to, ttl)
  }

  /** Opens more, as many as the system gives; resolves with how many there are beside the first. */
  async openMore(count: number): Promise<number> {
    for (let opened = 0; opened < count; opened++) {
      // Portable ones: hundreds of the fast kind would cost as many buffers.
      const socket = await openPlainSocket(ANY_IPV4).catch(() => undefined)
      if (socket === undefined) break
      this.#add(socket)
    }
    return this.#sockets.length - 1
  }

  /** The socket with this number, for the tunnel. What the listener takes never reaches that. */
  hand(socket: number): UdpSocket | undefined {
    const taken = this.#sockets[socket]
    const others = this.#sockets.filter(other => other !== taken)
    for (const other of others) void other.close()
    return taken
  }

  async close(): Promise<void> {
    this.#listener = undefined
    await Promise.all(this.#sockets.map(socket => socket.close()))
  }

  #add(socket: UdpSocket): void {
    const number = this.#sockets.length
    this.#sockets.push(
      new HandedSocket(socket, (data, from) => this.#listener?.(number, data, from) ?? false),
    )
  }
}

/** A socket whose datagrams pass a listener before they reach whoever gets it. */
class HandedSocket implements UdpSocket {
  readonly #socket: UdpSocket
  readonly #listen: (data: Buffer, from: Address) => boolean
  readonly #early: { readonly data: Buffer; readonly from: Address }[] = []
  #handler: DatagramHandler | undefined
  #isClosed = false

  constructor(socket: UdpSocket, listen: (data: Buffer, from: Address) => boolean) {
    this.#socket = socket
    this.#listen = listen
    socket.start({
      onDatagram: (data, from, segmentBytes) => this.#receive(data, from, segmentBytes),
      onBatchEnd: () => this.#handler?.onBatchEnd(),
    })
  }

  get address(): Address {
    return this.#socket.address
  }

  get isUnfragmented(): boolean {
    return this.#socket.isUnfragmented
  }

  get maxBurstBytes(): number {
    return this.#socket.maxBurstBytes
  }

  get maxSegments(): number {
    return this.#socket.maxSegments
  }

  get onWritable(): (() => void) | undefined {
    return this.#socket.onWritable
  }

  set onWritable(handler: (() => void) | undefined) {
    this.#socket.onWritable = handler
  }

  send(burst: Buffer, segmentBytes: number, to: Address): SendResult {
    return this.#socket.send(burst, segmentBytes, to)
  }

  sendWithTtl(datagram: Buffer, to: Address, ttl: number): SendResult {
    return this.#socket.sendWithTtl?.(datagram, to, ttl) ?? 'failed'
  }

  start(handler: DatagramHandler): void {
    this.#handler = handler
    const early = this.#early.splice(0)
    for (const { data, from } of early) handler.onDatagram(data, from, data.length)
    if (early.length > 0) handler.onBatchEnd()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#socket.close()
  }

  #receive(data: Buffer, from: Address, segmentBytes: number | undefined): void {
    if (this.#listen(data, from)) return
    if (this.#handler !== undefined) this.#handler.onDatagram(data, from, segmentBytes)
    else if (this.#early.length < MAX_EARLY) this.#early.push({ data: Buffer.from(data), from })
  }
}
