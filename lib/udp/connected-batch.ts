// A connected socket without a handle of libuv and without buffers of its own.

import type { ConnectedHandler, ConnectedOptions, ConnectedSocket } from './connected.ts'
import { askForBuffer, openDatagramDescriptor, systemError } from './descriptor.ts'
import type { Libc } from './libc.ts'
import { type Poller, sharedPoller } from './poller.ts'
import { type Slots, sharedSlots } from './receiver.ts'
import { type BatchedSocket, type SendBatch, sharedSendBatch } from './send-batch.ts'
import { AF_INET, AF_INET6, SOCKADDR_BYTES, writeSockaddr } from './sockaddr.ts'

/** Room for what a game says to one player while this process waits for the processor. */
const RECEIVE_BUFFER_BYTES = 1 << 20

/** Vectors that one socket may fill in a turn: 128 packets, then it is another's turn. */
const MAX_DRAINS = 4

export class BatchConnectedSocket implements ConnectedSocket, BatchedSocket {
  readonly fd: number
  readonly family: number
  readonly #libc: Libc
  readonly #handler: ConnectedHandler
  readonly #batch: SendBatch
  readonly #slots: Slots
  readonly #poller: Poller
  #isClosed = false

  constructor({ to, source }: ConnectedOptions, handler: ConnectedHandler, libc: Libc) {
    this.#libc = libc
    this.#handler = handler
    this.#batch = sharedSendBatch(libc)
    this.#slots = sharedSlots(libc)
    this.#poller = sharedPoller(libc)
    this.family = to.ip.includes(':') ? AF_INET6 : AF_INET
    this.fd = openDatagramDescriptor(libc, this.family)
    const error = this.#connect({ to, source })
    if (error === undefined) return
    libc.close(this.fd)
    throw error
  }

  #connect({ to, source }: ConnectedOptions): Error | undefined {
    const libc = this.#libc
    askForBuffer(libc, this.fd, { direction: 'receive', bytes: RECEIVE_BUFFER_BYTES })
    const name = Buffer.alloc(SOCKADDR_BYTES)
    if (source !== undefined) {
      const length = writeSockaddr(name, { ip: source, port: 0 }, this.family)
      if (libc.bind(this.fd, name, length) < 0) return systemError('bind', libc.lastError())
    }
    const length = writeSockaddr(name, to, this.family)
    if (libc.connect(this.fd, name, length) < 0) return systemError('connect', libc.lastError())
    const isWatched = this.#poller.add(this.fd, () => this.#read())
    return isWatched ? undefined : systemError('epoll_ctl', libc.lastError())
  }

  send(payload: Buffer): void {
    if (!this.#isClosed) this.#batch.push(this, payload, undefined)
  }

  close(): void {
    if (this.#isClosed) return
    this.#batch.flush()
    this.#isClosed = true
    this.#libc.close(this.fd)
    this.#poller.remove(this.fd)
  }

  handleFull(): void {
    // The packet is lost, as it is for any program that does not wait.
  }

  handleRefused(code: string): void {
    if (!this.#isClosed) this.#handler.onError(systemError('send', code))
  }

  #read(): void {
    const slots = this.#slots
    for (let drains = 0; drains < MAX_DRAINS && !this.#isClosed; drains++) {
      const count = slots.receive(this.fd)
      if (count < 0) {
        const code = this.#libc.lastError()
        if (code !== 'EAGAIN' && code !== 'EINTR') this.handleRefused(code)
        return
      }
      for (let slot = 0; slot < count; slot++) {
        slots.arm(slot)
        this.#handler.onPacket(slots.dataOf(slot, slots.lengthOf(slot)))
      }
      if (count < slots.size) return
    }
  }
}
