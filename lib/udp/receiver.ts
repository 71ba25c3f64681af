// Reads a socket with recvmmsg into slots that all sockets of the process share: what is in them
// is lent for a call, and only one socket is read at a time. So a socket has no buffers of its own.
// Layouts: struct mmsghdr 64 bytes, iovec 16.

import type { Address } from '../address.ts'
import type { Libc } from './libc.ts'
import { readNamed, SOCKADDR_BYTES, writeSockaddr } from './sockaddr.ts'
import { AddressBook, type DatagramHandler } from './socket.ts'

const MSG_DONTWAIT = 0x40
const MMSGHDR_BYTES = 64
const CONTROL_BYTES = 24
const STRIDE_BYTES = 32
const SLOTS = 32
// A glued reception is at most one UDP payload long.
const SLOT_BYTES = 65_536

let shared: Slots | undefined

/** The slots of this process. */
export function sharedSlots(libc: Libc): Slots {
  return (shared ??= new Slots(libc))
}

/** A vector of reusable reception slots for recvmmsg. */
export class Slots {
  readonly names: Buffer = Buffer.alloc(STRIDE_BYTES * SLOTS)
  readonly #libc: Libc
  readonly #vector = Buffer.alloc(MMSGHDR_BYTES * SLOTS)
  readonly #words = new Uint32Array(this.#vector.buffer, this.#vector.byteOffset, 16 * SLOTS)
  readonly #iovecs = Buffer.alloc(16 * SLOTS)
  readonly #controls = Buffer.alloc(STRIDE_BYTES * SLOTS)
  // Not zero-filled: pages that no reception touches are never made.
  readonly #memory = Buffer.allocUnsafeSlow(SLOT_BYTES * SLOTS)

  constructor(libc: Libc) {
    this.#libc = libc
    const memoryAt = libc.addressOf(this.#memory)
    const iovecsAt = libc.addressOf(this.#iovecs)
    const namesAt = libc.addressOf(this.names)
    const controlsAt = libc.addressOf(this.#controls)
    for (let slot = 0; slot < SLOTS; slot++) {
      this.#iovecs.writeBigUInt64LE(memoryAt + BigInt(slot * SLOT_BYTES), slot * 16)
      this.#iovecs.writeBigUInt64LE(BigInt(SLOT_BYTES), slot * 16 + 8)
      const header = slot * MMSGHDR_BYTES
      this.#vector.writeBigUInt64LE(namesAt + BigInt(slot * STRIDE_BYTES), header)
      this.#vector.writeBigUInt64LE(iovecsAt + BigInt(slot * 16), header + 16)
      this.#vector.writeBigUInt64LE(1n, header + 24)
      this.#vector.writeBigUInt64LE(controlsAt + BigInt(slot * STRIDE_BYTES), header + 32)
      this.arm(slot)
    }
  }

  get size(): number {
    return SLOTS
  }

  /** Fills slots; gives how many, or -1 with the error in `lastError`. */
  receive(fd: number): number {
    return this.#libc.recvmmsg(fd, this.#vector, SLOTS, MSG_DONTWAIT, null)
  }

  /** To be called for each filled slot, once it was looked at and before the next `receive`. */
  arm(slot: number): void {
    // The kernel overwrites the lengths that it was offered.
    this.#words[slot * 16 + 2] = SOCKADDR_BYTES
    this.#words[slot * 16 + 10] = CONTROL_BYTES
  }

  lengthOf(slot: number): number {
    return this.#words[slot * 16 + 14] ?? 0
  }

  /** Lent until the next `receive`. */
  dataOf(slot: number, length: number): Buffer {
    return this.#memory.subarray(slot * SLOT_BYTES, slot * SLOT_BYTES + length)
  }

  /** What glued datagrams are cut into; undefined for a single one. */
  segmentBytesOf(slot: number): number | undefined {
    const hasControl = (this.#words[slot * 16 + 10] ?? 0) >= 20
    return hasControl ? this.#controls.readInt32LE(slot * STRIDE_BYTES + 16) : undefined
  }

  /** The sender's sockaddr, as latin1: the cheapest key there is. */
  nameOf(slot: number): string {
    const at = slot * STRIDE_BYTES
    return this.names.toString('latin1', at, at + (this.#words[slot * 16 + 2] ?? 0))
  }
}

/** Reads one socket that hears many senders. */
export class Receiver {
  readonly #slots: Slots
  readonly #fd: number
  readonly #addresses = new AddressBook()
  #lastKey = ''
  #last: Address = { ip: '', port: 0 }
  // What libuv last read, in its words.
  #lastText = { ip: '', port: 0, address: this.#last }

  constructor(libc: Libc, fd: number) {
    this.#slots = sharedSlots(libc)
    this.#fd = fd
  }

  /** Reads one vector full; true when there may be more. */
  drain(handler: DatagramHandler): boolean {
    const slots = this.#slots
    const count = slots.receive(this.#fd)
    for (let slot = 0; slot < count; slot++) {
      const length = slots.lengthOf(slot)
      const segmentBytes = slots.segmentBytesOf(slot) ?? length
      const from = this.#addressIn(slot)
      slots.arm(slot)
      handler.onDatagram(slots.dataOf(slot, length), from, segmentBytes)
    }
    return count === slots.size
  }

  #addressIn(slot: number): Address {
    const key = this.#slots.nameOf(slot)
    // Runs of one sender skip even the map.
    if (key === this.#lastKey) return this.#last
    this.#lastKey = key
    this.#last = this.#addresses.lookup(key, () => {
      const at = slot * STRIDE_BYTES
      return readNamed(this.#slots.names.subarray(at, at + STRIDE_BYTES), key)
    })
    return this.#last
  }

  /** The shared object for an address that libuv read. */
  addressOf(ip: string, port: number, family: number): Address {
    if (port === this.#lastText.port && ip === this.#lastText.ip) return this.#lastText.address
    const name = Buffer.alloc(SOCKADDR_BYTES)
    const length = writeSockaddr(name, { ip, port }, family)
    const key = name.toString('latin1', 0, length)
    const address = this.#addresses.lookup(key, () => readNamed(name, key))
    this.#lastText = { ip, port, address }
    return address
  }
}
