// The router's loop: packets from the TUN devices into the model, packets from the model to the
// devices when they are due. It has a process for itself and waits in ppoll, not in Node's event
// loop, whose timers know milliseconds only: what the lab measures are tenths of them.

import type { Network } from './model/network.ts'
import { Lateness } from './lateness.ts'
import type { RouterStats } from './messages.ts'
import type { Syscalls } from './syscalls.ts'
import { Waits } from './waits.ts'

const POLLIN = 1
const POLLFD_BYTES = 8
/** Packets from one device before the others, and what is due, get their turn. */
const BATCH = 16
/** Packets wait in pieces of this memory: one allocation for some 170 full ones. */
const SLAB_BYTES = 256 * 1024
const MAX_PACKET_BYTES = 65_536

/** A TUN device with its hosts. */
export interface Device {
  readonly fd: number
  /** Name of the host from which a packet comes: the first one unless its source says otherwise. */
  hostOf(packet: Uint8Array): string
}

export interface RouterOptions {
  readonly calls: Syscalls
  readonly network: Network
  readonly devices: readonly Device[]
  /** By the names of the hosts. */
  readonly deviceOf: ReadonlyMap<string, Device>
  /** Also interrupts a wait. */
  readonly controlFd: number
  /** Called when controlFd is readable. Returns false when the router shall stop. */
  readonly handleControl: () => boolean
}

export class Router {
  readonly #options: RouterOptions
  readonly #pollFds: Buffer
  /** The last one of them. */
  readonly #controlPollFd: Buffer
  readonly #timeout = new BigInt64Array(2)
  readonly #scratch = Buffer.alloc(MAX_PACKET_BYTES)
  readonly #lateness = new Lateness()
  readonly #waits = new Waits(performance.now())
  #slab = Buffer.alloc(0)
  #slabUsed = 0
  #taken = 0
  #delivered = 0
  #refused = 0

  constructor(options: RouterOptions) {
    this.#options = options
    const fds = [...options.devices.map(({ fd }) => fd), options.controlFd]
    this.#pollFds = Buffer.alloc(fds.length * POLLFD_BYTES)
    for (const [index, fd] of fds.entries()) {
      this.#pollFds.writeInt32LE(fd, index * POLLFD_BYTES)
      this.#pollFds.writeInt16LE(POLLIN, index * POLLFD_BYTES + 4)
    }
    this.#controlPollFd = this.#pollFds.subarray(-POLLFD_BYTES)
  }

  /** Returns when it is told to stop. */
  run(): void {
    const { devices, handleControl } = this.#options
    let hasMore = false
    for (;;) {
      this.#wait(hasMore)
      hasMore = false
      for (const [index, device] of devices.entries()) {
        if (!this.#waits.isBlind && !this.#isReadable(index)) continue
        if (this.#take(device)) hasMore = true
        this.#deliver()
      }
      this.#deliver()
      if (this.#isReadable(devices.length) && !handleControl()) return
    }
  }

  stats(): Omit<RouterStats, 'cpuMs' | 'isRealtime'> {
    return {
      taken: this.#taken,
      delivered: this.#delivered,
      refused: this.#refused,
      lateMs: {
        p50: this.#lateness.quantile(0.5),
        p99: this.#lateness.quantile(0.99),
        max: this.#lateness.maxMs,
      },
    }
  }

  /** Until a device has packets, the model is due, or somebody wakes us. */
  #wait(hasMore: boolean): void {
    if (hasMore) {
      this.#poll(0, 0)
      return
    }
    const waits = this.#waits
    waits.plan(performance.now(), this.#options.network.deadline())
    // controlFd stands last: a blind wait asks for nothing but that.
    const first = waits.isBlind ? this.#options.devices.length : 0
    const ready = this.#poll(first, waits.waitMs)
    waits.handleEnd(performance.now(), ready === 0)
  }

  #poll(first: number, waitMs: number): number {
    const { calls, devices } = this.#options
    this.#timeout[1] = BigInt(Math.floor(waitMs * 1e6))
    const fds = first === 0 ? this.#pollFds : this.#controlPollFd
    const ready = calls.ppoll(fds, devices.length + 1 - first, this.#timeout, null)
    if (ready < 0) this.#handleInterrupt()
    return ready
  }

  /** A profiler's signals come to any thread; the system call then has not looked. */
  #handleInterrupt(): void {
    const error = this.#options.calls.lastError()
    if (error !== 'EINTR') throw new Error(`ppoll: ${error}`)
    for (let at = 6; at < this.#pollFds.length; at += POLLFD_BYTES) {
      this.#pollFds.writeInt16LE(0, at)
    }
  }

  #isReadable(index: number): boolean {
    return this.#pollFds.readInt16LE(index * POLLFD_BYTES + 6) !== 0
  }

  /** One batch; true when there may be more. */
  #take(device: Device): boolean {
    const { calls, network } = this.#options
    const scratch = this.#scratch
    for (let count = 0; count < BATCH; count++) {
      const length = calls.read(device.fd, scratch, MAX_PACKET_BYTES)
      if (length <= 0) return false
      if (this.#slabUsed + length > this.#slab.length) {
        this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length))
        this.#slabUsed = 0
      }
      const start = this.#slabUsed
      this.#slabUsed = start + length
      scratch.copy(this.#slab, start, 0, length)
      const packet = this.#slab.subarray(start, start + length)
      this.#taken += 1
      network.send(device.hostOf(packet), packet, performance.now())
    }
    return true
  }

  #deliver(): void {
    const { calls, network, deviceOf } = this.#options
    for (;;) {
      const now = performance.now()
      const delivery = network.poll(now)
      if (delivery === undefined) return
      const { host, packet } = delivery
      this.#lateness.add(now - delivery.at)
      this.#delivered += 1
      const device = deviceOf.get(host)
      // A write fails while the device is down or when the kernel has no memory: a lost packet.
      if (device === undefined || calls.write(device.fd, packet, packet.length) < 0) {
        this.#refused += 1
      }
    }
  }
}
