// The fast UDP socket of Linux: one sendmsg for up to 64 datagrams (UDP GSO), one recvmmsg for up
// to 32 receptions of as many glued datagrams (UDP GRO). libuv still tells when the socket is
// readable, through node:dgram on our own descriptor; its first read of a wake-up is handed on like
// any other.
// Layouts: struct msghdr 56 bytes, iovec 16, cmsghdr 16 + data.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { plainIp, type Address } from '../address.ts'
import { askForBuffer, openDatagramDescriptor, systemError } from './descriptor.ts'
import type { Libc } from './libc.ts'
import { Receiver } from './receiver.ts'
import { type BatchedSocket, type SendBatch, sharedSendBatch } from './send-batch.ts'
import { AF_INET, AF_INET6, SOCKADDR_BYTES, writeSockaddr } from './sockaddr.ts'
import {
  SOCKET_BUFFER_BYTES,
  type DatagramHandler,
  type SendResult,
  type UdpSocket,
  type UdpSocketOptions,
} from './socket.ts'

const IPPROTO_IP = 0
const IP_MTU_DISCOVER = 10
const IPPROTO_IPV6 = 41
const IPV6_MTU_DISCOVER = 23
const IPV6_V6ONLY = 26
const IP_TTL = 2
const IPV6_UNICAST_HOPS = 16
/** The system's. */
const DEFAULT_TTL = -1
const PMTUDISC_PROBE = 3
const SOL_UDP = 17
const UDP_SEGMENT = 103
const UDP_GRO = 104
const MSG_DONTWAIT = 0x40

const CONTROL_BYTES = 24
// Drain at most this often a wake-up, so that a flood cannot hold the event loop (32 x 16
// receptions).
const MAX_DRAINS = 16
// Datagrams that libuv may queue while the kernel's buffer is full.
const MAX_QUEUED_SENDS = 256

/**
 * Binds the batching socket. Rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL) as
 * `code`.
 */
export async function openBatchSocket(
  bind: Address,
  libc: Libc,
  { use = 'endpoint' }: UdpSocketOptions = {},
): Promise<UdpSocket> {
  const family = bind.ip.includes(':') ? AF_INET6 : AF_INET
  const fd = openDatagramDescriptor(libc, family)
  let socket: Socket | undefined
  try {
    configure(libc, { fd, family, use })
    const name = Buffer.alloc(SOCKADDR_BYTES)
    const length = writeSockaddr(name, bind, family)
    if (libc.bind(fd, name, length) < 0) throw systemError('bind', libc.lastError())
    socket = createSocket(family === AF_INET ? 'udp4' : 'udp6')
    const listening = once(socket, 'listening')
    socket.bind({ fd })
    await listening
    return new BatchSocket({ libc, fd, family, use, socket })
  } catch (error) {
    if (socket) socket.close()
    else libc.close(fd)
    throw error
  }
}

/** Sets buffers, don't-fragment and GRO: each is a wish that an old kernel may refuse. */
function configure(
  libc: Libc,
  { fd, family, use }: { fd: number; family: number; use: 'endpoint' | 'packets' },
): void {
  const value = Buffer.alloc(4)
  const set = (level: number, option: number, number: number): boolean => {
    value.writeInt32LE(number)
    return libc.setsockopt(fd, level, option, value, 4) === 0
  }
  askForBuffer(libc, fd, { direction: 'receive', bytes: SOCKET_BUFFER_BYTES })
  askForBuffer(libc, fd, { direction: 'send', bytes: SOCKET_BUFFER_BYTES })
  if (family === AF_INET6) {
    set(IPPROTO_IPV6, IPV6_V6ONLY, 0)
  }
  if (use === 'packets') return
  if (family === AF_INET6) set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
  set(IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE)
  set(SOL_UDP, UDP_GRO, 1)
}

class BatchSocket implements UdpSocket, BatchedSocket {
  readonly address: Address
  readonly isUnfragmented: boolean
  readonly maxBurstBytes = 65_507
  maxSegments = 64
  onWritable: (() => void) | undefined
  readonly fd: number
  readonly family: number
  readonly #libc: Libc
  readonly #socket: Socket
  /** Packets of many users: those of a turn leave together. */
  readonly #batch: SendBatch | undefined
  readonly #sender: Sender
  readonly #receiver: Receiver
  #queued = 0
  #isBlocked = false
  #isClosed = false

  constructor(options: {
    libc: Libc
    fd: number
    family: number
    use: 'endpoint' | 'packets'
    socket: Socket
  }) {
    this.isUnfragmented = options.use === 'endpoint'
    this.#libc = options.libc
    this.fd = options.fd
    this.family = options.family
    this.#socket = options.socket
    const { address, port } = options.socket.address()
    this.address = { ip: plainIp(address), port }
    this.#sender = new Sender(options.libc, options.fd, options.family)
    this.#receiver = new Receiver(options.libc, options.fd)
    this.#batch = options.use === 'packets' ? sharedSendBatch(options.libc) : undefined
    // What libuv reports here is an ICMP answer to some datagram; QUIC's timers handle that.
    options.socket.on('error', () => {})
  }

  start(handler: DatagramHandler): void {
    const receiver = this.#receiver
    this.#socket.on('message', (data, { address, port }) => {
      handler.onDatagram(data, receiver.addressOf(address, port, this.family), undefined)
      for (let drains = 0; drains < MAX_DRAINS && !this.#isClosed; drains++) {
        if (!receiver.drain(handler)) break
      }
      if (!this.#isClosed) handler.onBatchEnd()
    })
  }

  send(burst: Buffer, segmentBytes: number, to: Address): SendResult {
    if (this.#isClosed) return 'failed'
    if (this.#queued > 0) return this.#queue(burst, segmentBytes, to)
    if (this.#batch !== undefined) {
      for (let at = 0; at < burst.length || at === 0; at += segmentBytes) {
        this.#batch.push(this, burst.subarray(at, at + segmentBytes), to)
        if (segmentBytes === 0) break
      }
      return 'sent'
    }
    const code = this.#sender.send(burst, segmentBytes, to)
    if (code === undefined) return 'sent'
    switch (code) {
      case 'EAGAIN':
      case 'ENOBUFS':
        return this.#queue(burst, segmentBytes, to)
      case 'EMSGSIZE':
        return 'too-big'
      case 'EIO':
      case 'EINVAL':
        // A device without checksum offload refuses GSO: go on one by one.
        if (burst.length <= segmentBytes || this.maxSegments === 1) return 'failed'
        this.maxSegments = 1
        return this.#sendSingly(burst, segmentBytes, to)
      default:
        return 'failed'
    }
  }

  handleFull(bytes: Buffer, segmentBytes: number, to: Address | undefined): void {
    if (to !== undefined) this.#queue(bytes, segmentBytes, to)
  }

  handleRefused(): void {}

  sendWithTtl(datagram: Buffer, to: Address, ttl: number): SendResult {
    // What waits in libuv would leave with it, too.
    if (this.#isClosed || this.#queued > 0) return 'failed'
    const [level, option] = to.ip.includes(':')
      ? [IPPROTO_IPV6, IPV6_UNICAST_HOPS]
      : [IPPROTO_IP, IP_TTL]
    this.#set(level, option, ttl)
    const code = this.#sender.send(datagram, datagram.length, to)
    this.#set(level, option, DEFAULT_TTL)
    return code === undefined ? 'sent' : 'failed'
  }

  #set(level: number, option: number, number: number): void {
    const value = Buffer.alloc(4)
    value.writeInt32LE(number)
    this.#libc.setsockopt(this.fd, level, option, value, 4)
  }

  #sendSingly(burst: Buffer, segmentBytes: number, to: Address): SendResult {
    let result: SendResult = 'sent'
    for (let offset = 0; offset < burst.length; offset += segmentBytes) {
      const sent = this.send(burst.subarray(offset, offset + segmentBytes), segmentBytes, to)
      if (sent !== 'sent') result = sent
    }
    return result
  }

  /**
   * The kernel's buffer is full: libuv knows how to wait for it, so the rest goes its way, in order
   * and bounded.
   */
  #queue(burst: Buffer, segmentBytes: number, to: Address): SendResult {
    if (this.#queued >= MAX_QUEUED_SENDS) {
      this.#isBlocked = true
      return 'blocked'
    }
    const host = this.family === AF_INET6 && !to.ip.includes(':') ? `::ffff:${to.ip}` : to.ip
    for (let offset = 0; offset < burst.length; offset += segmentBytes) {
      this.#queued++
      const datagram = Buffer.from(burst.subarray(offset, offset + segmentBytes))
      this.#socket.send(datagram, to.port, host, () => {
        this.#queued--
        if (!this.#isBlocked || this.#queued > 0) return
        this.#isBlocked = false
        this.onWritable?.()
      })
    }
    return 'sent'
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    // What was sent in this turn leaves first.
    this.#batch?.flush()
    this.#isClosed = true
    return new Promise(resolve => {
      this.#socket.close(() => resolve())
    })
  }
}

/** One reusable msghdr for sendmsg with a UDP_SEGMENT control message. */
class Sender {
  readonly #libc: Libc
  readonly #fd: number
  readonly #family: number
  readonly #header = Buffer.alloc(56)
  readonly #iovec = Buffer.alloc(16)
  readonly #control = Buffer.alloc(CONTROL_BYTES)
  readonly #name = Buffer.alloc(SOCKADDR_BYTES)
  #to: Address | undefined
  #memory: ArrayBufferLike | undefined
  #memoryAt = 0n

  constructor(libc: Libc, fd: number, family: number) {
    this.#libc = libc
    this.#fd = fd
    this.#family = family
    this.#header.writeBigUInt64LE(libc.addressOf(this.#name), 0)
    this.#header.writeBigUInt64LE(libc.addressOf(this.#iovec), 16)
    this.#header.writeBigUInt64LE(1n, 24)
    this.#header.writeBigUInt64LE(libc.addressOf(this.#control), 32)
    this.#control.writeBigUInt64LE(18n, 0)
    this.#control.writeInt32LE(SOL_UDP, 8)
    this.#control.writeInt32LE(UDP_SEGMENT, 12)
  }

  /** Undefined when it was sent, else the error's name. */
  send(burst: Buffer, segmentBytes: number, to: Address): string | undefined {
    if (to !== this.#to) {
      this.#header.writeUInt32LE(writeSockaddr(this.#name, to, this.#family), 8)
      this.#to = to
    }
    // Callers send from one long-lived buffer, so its address is asked for once.
    if (burst.buffer !== this.#memory) {
      this.#memory = burst.buffer
      this.#memoryAt = this.#libc.addressOf(new Uint8Array(burst.buffer))
    }
    this.#iovec.writeBigUInt64LE(this.#memoryAt + BigInt(burst.byteOffset), 0)
    this.#iovec.writeUInt32LE(burst.length, 8)
    const isSegmented = burst.length > segmentBytes
    this.#control.writeUInt16LE(isSegmented ? segmentBytes : 0, 16)
    this.#header.writeUInt32LE(isSegmented ? CONTROL_BYTES : 0, 40)
    const sent = this.#libc.sendmsg(this.#fd, this.#header, MSG_DONTWAIT)
    return sent >= 0 ? undefined : this.#libc.lastError()
  }
}
