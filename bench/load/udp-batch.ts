// A UDP socket for loads that must cost little beside the programs under test: many datagrams with
// one call, in both directions, without an event loop. Node's own sockets take a call and a
// callback for each: user and echo on them stop at 43,000 echoes a second with no tunnel in
// between, on these at 130,000, which is above what any tunnel does.
// Layouts: struct msghdr 56 bytes, mmsghdr 64, iovec 16, cmsghdr 16 + in_pktinfo 12.

import { isIPv6 } from 'node:net'
import { loadSyscalls, type Syscalls } from '../lab/syscalls.ts'

const AF_INET = 2
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const SOL_SOCKET = 1
const SO_RCVBUF = 8
const SO_RCVBUFFORCE = 33
const SO_MEMINFO = 55
/** Index of the drops in SO_MEMINFO's table of nine counters. */
const MEMINFO_DROPS = 8
const MEMINFO_BYTES = 36
const IPPROTO_IP = 0
const IP_PKTINFO = 8
const MSG_DONTWAIT = 0x40
const POLLIN = 1

const SLOTS = 64
const SLOT_BYTES = 2048
const MMSGHDR_BYTES = 64
const SOCKADDR_BYTES = 16
const CONTROL_BYTES = 32
const RECEIVE_BUFFER_BYTES = 8 << 20

const NOT_HERE = 'this load needs Linux on a 64-bit machine, and koffi'

export interface Ipv4Address {
  /** Four bytes, most significant first. */
  readonly ip: number
  readonly port: number
}

/** Throws for what is no IPv4 address. */
export function ipv4(text: string): number {
  const parts = text.split('.').map(Number)
  if (parts.length !== 4 || !parts.every(part => part >= 0 && part <= 255)) {
    throw new Error(`${text} is no IPv4 address`)
  }
  return parts.reduce((ip, part) => ip * 256 + part, 0)
}

/**
 * A descriptor of a socket on a free port of that address, for node:dgram or UdpBatch; undefined
 * where the machine has no such calls. Throws with the system's error.
 */
export function openUdp(host: string): number | undefined {
  const calls = loadSyscalls()
  if (calls === undefined || isIPv6(host)) return undefined
  const fd = calls.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new Error(`socket: ${calls.lastError()}`)
  const name = Buffer.alloc(SOCKADDR_BYTES)
  name.writeUInt16LE(AF_INET)
  name.writeUInt32BE(ipv4(host), 4)
  if (calls.bind(fd, name, SOCKADDR_BYTES) === 0) return fd
  const error = calls.lastError()
  calls.close(fd)
  throw new Error(`bind: ${error}`)
}

export class UdpBatch {
  readonly fd: number
  readonly #calls: Syscalls
  readonly #received: Vector
  readonly #sent: Vector
  #queued = 0

  /** `fd` is what openUdp gave, and stays its opener's. Throws where there is none. */
  constructor(fd: number | undefined) {
    const calls = loadSyscalls()
    if (fd === undefined || calls === undefined) throw new Error(NOT_HERE)
    this.fd = fd
    this.#calls = calls
    this.#received = new Vector(this.#calls)
    this.#sent = new Vector(this.#calls)
    const value = Buffer.alloc(4)
    value.writeInt32LE(RECEIVE_BUFFER_BYTES)
    // FORCE needs root; without it the system's own bound holds.
    if (this.#calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, value, 4) !== 0) {
      this.#calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, 4)
    }
  }

  /** On a free port of all addresses. */
  static open(): UdpBatch {
    return new UdpBatch(openUdp('0.0.0.0'))
  }

  close(): void {
    this.#calls.close(this.fd)
  }

  /** Datagrams that the kernel has thrown away because nobody read them in time. */
  get drops(): number {
    const table = Buffer.alloc(MEMINFO_BYTES)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(MEMINFO_BYTES)
    if (this.#calls.getsockopt(this.fd, SOL_SOCKET, SO_MEMINFO, table, length) !== 0) return 0
    return table.readUInt32LE(MEMINFO_DROPS * 4)
  }

  /** What is there, up to 64 datagrams; each payload is lent for its call. */
  receive(onPayload: (payload: Buffer) => void): number {
    const count = this.#read()
    for (let slot = 0; slot < count; slot++) onPayload(this.#received.payload(slot))
    return count
  }

  /** Sends back what is there, up to 64 datagrams. */
  echo(): number {
    const count = this.#read()
    const received = this.#received
    for (let slot = 0; slot < count; slot++) received.setLength(slot, received.lengthOf(slot))
    this.#write(received, count)
    for (let slot = 0; slot < count; slot++) received.reset(slot)
    return count
  }

  /**
   * The buffer for the next datagram, which leaves with `flush`, or when 64 are queued. `from` is
   * the source, when the socket's own is not meant.
   */
  queue(to: Ipv4Address, payloadBytes: number, from?: number): Buffer {
    if (this.#queued === SLOTS) this.flush()
    return this.#sent.fill(this.#queued++, { to, from, payloadBytes })
  }

  flush(): void {
    this.#write(this.#sent, this.#queued)
    this.#queued = 0
  }

  #read(): number {
    return Math.max(
      0,
      this.#calls.recvmmsg(this.fd, this.#received.headers, SLOTS, MSG_DONTWAIT, null),
    )
  }

  #write(vector: Vector, count: number): void {
    for (let done = 0; done < count; ) {
      const headers = vector.headers.subarray(done * MMSGHDR_BYTES)
      const sent = this.#calls.sendmmsg(this.fd, headers, count - done, MSG_DONTWAIT)
      // The first one cannot leave: it is lost, as on any network.
      done += Math.max(1, sent)
    }
  }
}

/** Waits until one of them has something to read. True for those that have. */
export function waitFor(sockets: readonly UdpBatch[], timeoutMs: number): boolean[] {
  const fds = Buffer.alloc(sockets.length * 8)
  sockets.forEach(({ fd }, index) => {
    fds.writeInt32LE(fd, index * 8)
    fds.writeUInt16LE(POLLIN, index * 8 + 4)
  })
  const seconds = Math.floor(timeoutMs / 1000)
  const nanoseconds = Math.round((timeoutMs - seconds * 1000) * 1e6)
  const timeout = BigInt64Array.of(BigInt(seconds), BigInt(nanoseconds))
  loadSyscalls()?.ppoll(fds, sockets.length, timeout, null)
  return sockets.map((_, index) => fds.readUInt16LE(index * 8 + 6) !== 0)
}

/** The memory of one recvmmsg or sendmmsg: 64 headers, and what they point to. */
class Vector {
  readonly headers = Buffer.alloc(SLOTS * MMSGHDR_BYTES)
  readonly #names = Buffer.alloc(SLOTS * SOCKADDR_BYTES)
  readonly #iovecs = Buffer.alloc(SLOTS * 16)
  readonly #controls = Buffer.alloc(SLOTS * CONTROL_BYTES)
  readonly #payloads = Buffer.alloc(SLOTS * SLOT_BYTES)
  readonly #controlsAt: bigint

  constructor(calls: Syscalls) {
    const [namesAt, iovecsAt, payloadsAt] = [this.#names, this.#iovecs, this.#payloads].map(
      buffer => calls.addressOf(buffer),
    )
    this.#controlsAt = calls.addressOf(this.#controls)
    if (namesAt === undefined || iovecsAt === undefined || payloadsAt === undefined) return
    for (let slot = 0; slot < SLOTS; slot++) {
      const header = slot * MMSGHDR_BYTES
      this.headers.writeBigUInt64LE(namesAt + BigInt(slot * SOCKADDR_BYTES), header)
      this.headers.writeBigUInt64LE(iovecsAt + BigInt(slot * 16), header + 16)
      this.headers.writeBigUInt64LE(1n, header + 24)
      this.#iovecs.writeBigUInt64LE(payloadsAt + BigInt(slot * SLOT_BYTES), slot * 16)
      this.reset(slot)
    }
  }

  /** As it has to be before it receives. */
  reset(slot: number): void {
    this.headers.writeUInt32LE(SOCKADDR_BYTES, slot * MMSGHDR_BYTES + 8)
    this.setLength(slot, SLOT_BYTES)
  }

  setLength(slot: number, bytes: number): void {
    this.#iovecs.writeUInt32LE(bytes, slot * 16 + 8)
  }

  lengthOf(slot: number): number {
    return this.headers.readUInt32LE(slot * MMSGHDR_BYTES + 56)
  }

  payload(slot: number): Buffer {
    const at = slot * SLOT_BYTES
    return this.#payloads.subarray(at, at + this.lengthOf(slot))
  }

  fill(
    slot: number,
    datagram: { readonly to: Ipv4Address; readonly from: number | undefined; payloadBytes: number },
  ): Buffer {
    const { to, from, payloadBytes } = datagram
    const name = slot * SOCKADDR_BYTES
    this.#names.writeUInt16LE(AF_INET, name)
    this.#names.writeUInt16BE(to.port, name + 2)
    this.#names.writeUInt32BE(to.ip, name + 4)
    this.setLength(slot, payloadBytes)
    if (from !== undefined) this.#setSource(slot, from)
    const at = slot * SLOT_BYTES
    return this.#payloads.subarray(at, at + payloadBytes)
  }

  #setSource(slot: number, from: number): void {
    const header = slot * MMSGHDR_BYTES
    const control = slot * CONTROL_BYTES
    this.headers.writeBigUInt64LE(this.#controlsAt + BigInt(control), header + 32)
    this.headers.writeBigUInt64LE(BigInt(CONTROL_BYTES), header + 40)
    this.#controls.writeBigUInt64LE(28n, control)
    this.#controls.writeInt32LE(IPPROTO_IP, control + 8)
    this.#controls.writeInt32LE(IP_PKTINFO, control + 12)
    this.#controls.writeUInt32BE(from, control + 20)
  }
}
