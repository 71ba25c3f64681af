// The local TCP port of a visitor. Where it is taken, the visitor says so and tries again; nothing
// else is disturbed.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import { errorText, systemCode } from '../errors.ts'
import type { Logger } from '../log.ts'
import { SOCKET_HIGH_WATER_MARK } from '../proxy/host.ts'

/** frp looks every ten seconds, too. */
export const RETRY_DELAY_MS = 10_000

export interface DoorOptions {
  readonly bindAddr: string
  /** 0 = any free one (tests); negative = none. */
  readonly bindPort: number
  readonly log: Logger
  readonly clock: Clock
  readonly onUser: (socket: Socket) => void
  /** It is open, or could not be opened. */
  readonly onChange: () => void
}

export class Door {
  readonly #options: DoorOptions
  #server: Server | undefined
  #cancelRetry: (() => void) | undefined
  #error = ''
  #isClosed = false

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** `127.0.0.1:6000`; empty while it is not open. */
  get address(): string {
    // Of a TCP server that listens it is never a path.
    const address = this.#server?.address() as AddressInfo | null | undefined
    return address ? formatAddress({ ip: address.address, port: address.port }) : ''
  }

  /** Why it is not open; empty otherwise. */
  get error(): string {
    return this.#error
  }

  open(): void {
    const { bindAddr, bindPort, onUser, onChange, log, clock } = this.#options
    if (this.#isClosed || bindPort < 0) return
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: SOCKET_HIGH_WATER_MARK,
    })
    server.on('connection', onUser)
    server.on('error', error => {
      if (server.listening) {
        log.warn(`accept error: ${errorText(error)}`)
        return
      }
      const at = formatAddress({ ip: bindAddr, port: bindPort })
      const isSame = this.#error !== ''
      this.#error = `listen on ${at}: ${bindErrorText(error)}`
      if (!isSame) log.error(`start error: ${this.#error}; trying again every 10 s`)
      this.#cancelRetry = clock.after(RETRY_DELAY_MS, () => this.open())
      onChange()
    })
    server.listen({ host: bindAddr, port: bindPort }, () => {
      if (this.#isClosed) {
        server.close()
        return
      }
      this.#server = server
      this.#error = ''
      onChange()
    })
  }

  /** Whoever is inside stays. */
  close(): void {
    this.#isClosed = true
    this.#cancelRetry?.()
    this.#server?.close()
    this.#server = undefined
  }
}

/** In words that say what to do. */
export function bindErrorText(error: unknown): string {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return 'the port is taken by another program'
    case 'EACCES':
      return 'permission denied'
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address (bindAddr)'
    default:
      return errorText(error)
  }
}
