// The local UDP port of a sudp visitor; as door.ts for TCP.

import { type Address, formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { openUdpSocket, type UdpSocket } from '../udp/index.ts'
import { bindErrorText, RETRY_DELAY_MS } from './door.ts'

export interface UdpDoorOptions {
  readonly bindAddr: string
  /** 0 = any free one (tests); negative = none. */
  readonly bindPort: number
  readonly log: Logger
  readonly clock: Clock
  /** `payload` is lent for the call; `from` is one object for each address. */
  readonly onPacket: (payload: Buffer, from: Address) => void
  readonly onChange: () => void
}

export class UdpDoor {
  readonly #options: UdpDoorOptions
  #socket: UdpSocket | undefined
  #cancelRetry: (() => void) | undefined
  #error = ''
  #isClosed = false

  constructor(options: UdpDoorOptions) {
    this.#options = options
  }

  /** `127.0.0.1:6000`; empty while it is not open. */
  get address(): string {
    return this.#socket ? formatAddress(this.#socket.address) : ''
  }

  /** Why it is not open; empty otherwise. */
  get error(): string {
    return this.#error
  }

  open(): void {
    const { bindAddr, bindPort } = this.#options
    if (this.#isClosed || bindPort < 0) return
    openUdpSocket({ ip: bindAddr, port: bindPort }, { use: 'packets' }).then(
      socket => this.#handleOpen(socket),
      (error: unknown) => this.#handleFailure(error),
    )
  }

  /** Best effort. */
  send(payload: Buffer, to: Address): void {
    this.#socket?.send(payload, payload.length, to)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelRetry?.()
    const socket = this.#socket
    this.#socket = undefined
    await socket?.close()
  }

  #handleOpen(socket: UdpSocket): void {
    if (this.#isClosed) {
      void socket.close()
      return
    }
    const { onPacket, onChange } = this.#options
    this.#socket = socket
    this.#error = ''
    socket.start({ onDatagram: (payload, from) => onPacket(payload, from), onBatchEnd() {} })
    onChange()
  }

  #handleFailure(error: unknown): void {
    if (this.#isClosed) return
    const { bindAddr, bindPort, log, clock, onChange } = this.#options
    const isFirst = this.#error === ''
    const at = formatAddress({ ip: bindAddr, port: bindPort })
    this.#error = `listen on ${at}: ${bindErrorText(error)}`
    if (isFirst) log.error(`start error: ${this.#error}; trying again every 10 s`)
    this.#cancelRetry = clock.after(RETRY_DELAY_MS, () => this.open())
    onChange()
  }
}
