// The UDP port of a client towards its peers and STUN servers: what comes in is told apart by its
// first bytes (RFC 9443) and by who sent it. Extra sockets, of which hard NATs need many, are
// numbered; 0 is the port itself, and a path may go on over any of them.

import type { Address } from '../address.ts'
import { systemCode, TunnelError } from '../errors.ts'
import { type DatagramHandler, openPlainSocket, openUdpSocket } from '../udp/index.ts'
import type { SendResult, UdpSocket } from '../udp/index.ts'

/** Takes the datagrams of one path. `data` is lent; as DatagramHandler otherwise. */
export interface PathReceiver {
  /** Whether a datagram may be for it, where others have the same path. */
  knows(data: Buffer): boolean
  deliver(data: Buffer, segmentBytes: number | undefined): void
  endBatch(): void
  /** The port takes datagrams again after it was full. */
  onWritable(): void
}

/** Takes a STUN message, probes among them; true when it was meant for the listener. */
export type StunListener = (socket: number, data: Buffer, from: Address) => boolean

/** Extra sockets of all peers together. */
const MAX_EXTRA = 1024
const STUN_COOKIE = 0x2112a442
const STUN_HEADER_BYTES = 20

export class PeerPort {
  readonly address: Address
  readonly #sockets = new Map<number, UdpSocket>()
  readonly #listeners = new Set<StunListener>()
  /**
   * By socket number and remote address. Several where two clients have several peer connections,
   * as with two visitors of the same owner.
   */
  readonly #receivers = new Map<string, PathReceiver[]>()
  /** The same by address objects, which a socket makes once for each remote. */
  #known = new WeakMap<Address, Map<number, PathReceiver[]>>()
  readonly #touched = new Set<PathReceiver>()
  #nextNumber = 1
  #isClosed = false

  /**
   * On any port of all addresses, or where `bind` says. Rejects with UNSUPPORTED where UDP sockets
   * cannot be made.
   */
  static async open(bind?: Address): Promise<PeerPort> {
    try {
      return new PeerPort(await (bind ? openUdpSocket(bind) : openAnywhere()))
    } catch (cause) {
      throw new TunnelError('UNSUPPORTED', 'no UDP socket can be opened', { cause })
    }
  }

  private constructor(socket: UdpSocket) {
    this.address = socket.address
    this.#add(0, socket)
    socket.onWritable = () => {
      for (const receiver of [...this.#receivers.values()].flat()) receiver.onWritable()
    }
  }

  /** Whether it reaches IPv6 addresses, too. */
  get isDualStack(): boolean {
    return this.address.ip.includes(':')
  }

  /** The local port of a socket; 0 where it is not open. */
  portOf(socket: number): number {
    return this.#sockets.get(socket)?.address.port ?? 0
  }

  /** One datagram. With a `ttl` it gets no farther than that, where the system can do so. */
  send(socket: number, data: Buffer, to: Address, ttl?: number): SendResult {
    const target = this.#sockets.get(socket)
    if (target === undefined) return 'failed'
    if (ttl === undefined) return target.send(data, data.length, to)
    return target.sendWithTtl?.(data, to, ttl) ?? 'failed'
  }

  /** As UdpSocket.send. */
  sendBurst(socket: number, burst: Buffer, segmentBytes: number, to: Address): SendResult {
    const target = this.#sockets.get(socket)
    if (target === undefined) return 'failed'
    if (target.maxSegments >= Math.ceil(burst.length / segmentBytes)) {
      return target.send(burst, segmentBytes, to)
    }
    let result: SendResult = 'sent'
    const step = target.maxSegments * segmentBytes
    for (let at = 0; at < burst.length; at += step) {
      const sent = target.send(burst.subarray(at, at + step), segmentBytes, to)
      if (sent !== 'sent') result = sent
    }
    return result
  }

  /** Each STUN message goes to the listeners until one takes it. The function ends it. */
  listen(listener: StunListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What comes from there is the receiver's, or of those who know it where there are several. */
  bind(socket: number, remote: Address, receiver: PathReceiver): void {
    const key = keyOf(socket, remote)
    const receivers = this.#receivers.get(key)
    if (receivers === undefined) this.#receivers.set(key, [receiver])
    else if (!receivers.includes(receiver)) receivers.push(receiver)
  }

  unbind(socket: number, remote: Address, receiver: PathReceiver): void {
    const key = keyOf(socket, remote)
    const receivers = this.#receivers.get(key)
    const index = receivers?.indexOf(receiver) ?? -1
    if (receivers === undefined || index < 0) return
    receivers.splice(index, 1)
    if (receivers.length > 0) return
    this.#receivers.delete(key)
    // Which objects stand for that address is not known here.
    this.#known = new WeakMap()
  }

  /** Opens extra sockets; fewer where the system has no more. */
  async openExtra(count: number): Promise<number[]> {
    const numbers: number[] = []
    while (numbers.length < count && this.#sockets.size <= MAX_EXTRA && !this.#isClosed) {
      const ip = this.isDualStack ? '::' : '0.0.0.0'
      const socket = await openPlainSocket({ ip, port: 0 }).catch(() => undefined)
      if (socket === undefined) break
      const number = this.#nextNumber++
      this.#add(number, socket)
      numbers.push(number)
    }
    return numbers
  }

  /** The port itself stays. */
  closeExtra(numbers: readonly number[]): void {
    for (const number of numbers) {
      if (number === 0) continue
      void this.#sockets.get(number)?.close()
      this.#sockets.delete(number)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const sockets = [...this.#sockets.values()]
    this.#sockets.clear()
    this.#receivers.clear()
    await Promise.all(sockets.map(socket => socket.close()))
  }

  #add(number: number, socket: UdpSocket): void {
    this.#sockets.set(number, socket)
    const handler: DatagramHandler = {
      onDatagram: (data, from, segmentBytes) => {
        this.#receive(number, data, from, segmentBytes)
      },
      onBatchEnd: () => {
        for (const receiver of this.#touched) receiver.endBatch()
        this.#touched.clear()
      },
    }
    socket.start(handler)
  }

  #receive(number: number, data: Buffer, from: Address, segmentBytes: number | undefined): void {
    if (isStun(data)) {
      this.#receiveStun(number, data, from, segmentBytes)
      return
    }
    const receivers = this.#known.get(from)?.get(number) ?? this.#find(number, from)
    const first = receivers?.[0]
    if (receivers === undefined || first === undefined) return
    if (receivers.length > 1) {
      this.#share(receivers, data, segmentBytes ?? data.length)
      return
    }
    first.deliver(data, segmentBytes)
    this.#touched.add(first)
  }

  /** The kernel glues together what came one way, whichever connection it is of. */
  #share(receivers: readonly PathReceiver[], data: Buffer, segmentBytes: number): void {
    for (let at = 0; at < data.length; at += segmentBytes) {
      const datagram = data.subarray(at, at + segmentBytes)
      for (const receiver of [...receivers]) {
        if (!receiver.knows(datagram)) continue
        receiver.deliver(datagram, datagram.length)
        this.#touched.add(receiver)
      }
    }
  }

  /** Several may be glued together; each tells its length. */
  #receiveStun(
    number: number,
    data: Buffer,
    from: Address,
    segmentBytes: number | undefined,
  ): void {
    let rest = data
    while (isStun(rest)) {
      const length = STUN_HEADER_BYTES + rest.readUInt16BE(2)
      if (length > rest.length) return
      const message = rest.subarray(0, length)
      for (const listener of this.#listeners) if (listener(number, message, from)) break
      rest = rest.subarray(length)
    }
    if (rest.length > 0 && rest.length < data.length) {
      this.#receive(number, rest, from, segmentBytes)
    }
  }

  #find(number: number, from: Address): PathReceiver[] | undefined {
    const receivers = this.#receivers.get(keyOf(number, from))
    if (receivers === undefined) return undefined
    const known = this.#known.get(from) ?? new Map<number, PathReceiver[]>()
    known.set(number, receivers)
    this.#known.set(from, known)
    return receivers
  }
}

/** A STUN message, or something that looks like one: probes and notes do. */
export function isStun(data: Buffer): boolean {
  return (
    data.length >= STUN_HEADER_BYTES &&
    data.readUInt8(0) < 4 &&
    data.readUInt32BE(4) === STUN_COOKIE
  )
}

function keyOf(socket: number, { ip, port }: Address): string {
  return `${socket} ${ip} ${port}`
}

async function openAnywhere(): Promise<UdpSocket> {
  try {
    return await openUdpSocket({ ip: '::', port: 0 })
  } catch (error) {
    if (systemCode(error) !== 'EAFNOSUPPORT') throw error
    return openUdpSocket({ ip: '0.0.0.0', port: 0 })
  }
}
