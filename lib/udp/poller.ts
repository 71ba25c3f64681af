// Many sockets behind one handle of libuv: Node can only watch what it makes itself, and a handle
// of its own for each player costs some 10 kB and 100 us. An epoll descriptor of ours watches all
// of them, and takes the place of the descriptor that a node:dgram socket was opened with. libuv,
// which registers descriptors by their number and later, polls it like any other; its read then
// fails (ENOTSOCK), and that error is the wake-up.
//
// Because this rests on how libuv does things, a poller proves that it works before it is used.

import { createSocket, type Socket } from 'node:dgram'
import type { Libc } from './libc.ts'
import { AF_INET } from './sockaddr.ts'

const SOCK_DGRAM = 2
const CLOEXEC = 0x80000
const EPOLLIN = 0x001
const EPOLL_CTL_ADD = 1
/** struct epoll_event is packed on x86-64 only. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16
const DATA_AT = process.arch === 'x64' ? 4 : 8
/** Sockets that are read in one turn of the loop. */
const MAX_EVENTS = 256

let shared: Poller | undefined

/** The poller of this process, opened when first asked for; it stays. */
export function sharedPoller(libc: Libc): Poller {
  return (shared ??= new Poller(libc))
}

export class Poller {
  readonly #libc: Libc
  readonly #members = new Map<number, () => void>()
  readonly #events = Buffer.alloc(EVENT_BYTES * MAX_EVENTS)
  readonly #event = Buffer.alloc(EVENT_BYTES)
  #epoll = -1
  #wakeUp: Socket | undefined
  #isProven = false

  constructor(libc: Libc) {
    this.#libc = libc
    this.#open()
  }

  /** False until it has woken up once, a moment after it was made, and where it cannot work. */
  get isProven(): boolean {
    return this.#isProven
  }

  /**
   * Calls `onReadable` in each turn of the loop in which the descriptor has something to read, or
   * an error. Closing the descriptor ends that; `remove` must follow. False when it cannot watch.
   */
  add(fd: number, onReadable: () => void): boolean {
    this.#event.writeUInt32LE(EPOLLIN, 0)
    this.#event.writeUInt32LE(fd, DATA_AT)
    if (this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, this.#event) < 0) return false
    this.#members.set(fd, onReadable)
    // Nobody need wait for a poller that watches nothing.
    if (this.#members.size === 1) this.#wakeUp?.ref()
    return true
  }

  remove(fd: number): void {
    if (this.#members.delete(fd) && this.#members.size === 0) this.#wakeUp?.unref()
  }

  #open(): void {
    const libc = this.#libc
    const fd = libc.socket(AF_INET, SOCK_DGRAM | CLOEXEC, 0)
    const epoll = libc.epoll_create1(CLOEXEC)
    if (fd < 0 || epoll < 0) return
    const wakeUp = createSocket('udp4')
    wakeUp.on('error', () => this.#wake())
    try {
      // Both in this turn: libuv looks at the descriptor when the loop goes to sleep.
      wakeUp.bind({ fd })
      libc.dup2(epoll, fd)
    } catch {
      // Not proven, so that others do without.
    }
    libc.close(epoll)
    this.#epoll = fd
    this.#wakeUp = wakeUp
    const proof = libc.eventfd(1, CLOEXEC)
    this.add(proof, () => {
      this.#isProven = true
      libc.close(proof)
      this.remove(proof)
    })
    wakeUp.unref()
  }

  #wake(): void {
    const count = this.#libc.epoll_wait(this.#epoll, this.#events, MAX_EVENTS, 0)
    for (let index = 0; index < count; index++) {
      this.#members.get(this.#events.readUInt32LE(index * EVENT_BYTES + DATA_AT))?.()
    }
  }
}
