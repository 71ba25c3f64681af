// The router's loop: packets from the TUN devices into the model, packets from the model to the
// devices when they are due. It has its thread for itself and waits in ppoll, not in Node's event
// loop, whose timers know milliseconds only: what the lab measures are tenths of them.

import type { Network } from './model/network.ts'
import { Lateness } from './lateness.ts'
import type { RouterStats } from './messages.ts'
import type { Syscalls } from './syscalls.ts'

const POLLIN = 1
const POLLFD_BYTES = 8
/** Packets from one device before the others, and what is due, get their turn. */
const BATCH = 16
/** Packets wait in pieces of this memory: one allocation for some 170 full ones. */
const SLAB_BYTES = 256 * 1024
const MAX_PACKET_BYTES = 65_536
/**
 * The kernel wakes a thread late: 20 to 30 µs on a busy machine, 50 to 100 µs where an idle virtual
 * processor must be started first. The router learns by how much, asks for so much less and a
 * margin, and polls without waiting for the rest, which costs it the margin in processor time.
 */
const WAKE_MARGIN_MS = 0.015
const WAKE_LEARNING = 0.1
/** One wake-up out of the ordinary must not make it spin long. */
const MAX_WAKE_LATE_MS = 0.15
/** A model that is due but has nothing must not make the thread spin: others would starve. */
const MIN_WAIT_MS = 0.05
/** Bounds the wait, so that a stop whose wake-up was lost is seen. */
const MAX_WAIT_MS = 250

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
  /** The eventfd that interrupts a wait. */
  readonly wakeFd: number
  /** Called after a wake-up. Returns false when the router shall stop. */
  readonly onWake: () => boolean
  readonly isRealtime: boolean
}

export class Router {
  readonly #options: RouterOptions
  readonly #pollFds: Buffer
  readonly #timeout = new BigInt64Array(2)
  readonly #scratch = Buffer.alloc(MAX_PACKET_BYTES)
  readonly #lateness = new Lateness()
  #slab = Buffer.alloc(0)
  #slabUsed = 0
  #wakeLateMs = 0
  #taken = 0
  #delivered = 0
  #refused = 0

  constructor(options: RouterOptions) {
    this.#options = options
    const fds = [...options.devices.map(({ fd }) => fd), options.wakeFd]
    this.#pollFds = Buffer.alloc(fds.length * POLLFD_BYTES)
    for (const [index, fd] of fds.entries()) {
      this.#pollFds.writeInt32LE(fd, index * POLLFD_BYTES)
      this.#pollFds.writeInt16LE(POLLIN, index * POLLFD_BYTES + 4)
    }
  }

  /** Returns when it is told to stop. */
  run(): void {
    const { devices, onWake } = this.#options
    let hasMore = false
    for (;;) {
      this.#wait(hasMore)
      hasMore = false
      for (const [index, device] of devices.entries()) {
        if (!this.#isReadable(index)) continue
        if (this.#take(device)) hasMore = true
        this.#deliver()
      }
      this.#deliver()
      if (this.#isReadable(devices.length) && !onWake()) return
    }
  }

  stats(): RouterStats {
    return {
      taken: this.#taken,
      delivered: this.#delivered,
      refused: this.#refused,
      lateMs: {
        p50: this.#lateness.quantile(0.5),
        p99: this.#lateness.quantile(0.99),
        max: this.#lateness.maxMs,
      },
      isRealtime: this.#options.isRealtime,
    }
  }

  /** Until a device has packets, the model is due, or somebody wakes us. */
  #wait(hasMore: boolean): void {
    const from = performance.now()
    const waitMs = hasMore ? 0 : this.#waitMs(from)
    this.#timeout[1] = BigInt(Math.floor(waitMs * 1e6))
    const { calls, devices } = this.#options
    const ready = calls.ppoll(this.#pollFds, devices.length + 1, this.#timeout, null)
    // EINTR cannot be: signals are for the main thread.
    if (ready < 0) throw new Error(`ppoll: ${calls.lastError()}`)
    if (ready > 0 || waitMs === 0) return
    const lateMs = Math.min(MAX_WAKE_LATE_MS, performance.now() - from - waitMs)
    this.#wakeLateMs += (lateMs - this.#wakeLateMs) * WAKE_LEARNING
  }

  #waitMs(now: number): number {
    const dueMs = this.#options.network.deadline() - now
    if (dueMs <= 0) return MIN_WAIT_MS
    return Math.min(MAX_WAIT_MS, Math.max(0, dueMs - this.#wakeLateMs - WAKE_MARGIN_MS))
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
