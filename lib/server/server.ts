// The server: listeners, the sessions they bring, and the clients that logged in. A shell: what it decides is
// decided in the machines beside it.

import { EventEmitter } from 'node:events'
import type { Address } from '../address.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { ServerConfig } from '../config/index.ts'
import { type Logger, silentLogger } from '../log.ts'
import type { Listener, ListenerEvents } from '../transport/transport.ts'
import type { ClientStatus, ServerEvents } from './status.ts'

export interface ServerOptions {
  /** Default: silent. */
  readonly log?: Logger
  /** Default: the system's clock. Tests turn the hands themselves. */
  readonly clock?: Clock
  /** Opens the listeners instead of those that the config asks for; for tests over the memory transport. */
  readonly listen?: (events: ListenerEvents) => Promise<readonly Listener[]>
}

/** Addresses that clients can reach; a part that is not listening is absent. */
export interface ServerAddresses {
  readonly tcp?: Address
  readonly quic?: Address
}

/** Nothing happens before `start()`. */
export function createServer(config: ServerConfig, options: ServerOptions = {}): Server {
  return new Server(config, options)
}

export class Server extends EventEmitter<ServerEvents> {
  readonly #config: ServerConfig
  readonly #log: Logger
  readonly #clock: Clock

  constructor(config: ServerConfig, options: ServerOptions) {
    super()
    this.#config = config
    this.#log = (options.log ?? silentLogger).child({ source: 'server' })
    this.#clock = options.clock ?? systemClock
  }

  /** Resolves when every listener is open. Rejects with ADDRESS_IN_USE, CONFIG_INVALID or TLS_FAILED. */
  async start(): Promise<void> {
    void this.#config
    void this.#log
    void this.#clock
  }

  addresses(): ServerAddresses {
    return {}
  }

  /** The clients that are logged in, oldest first. */
  clients(): ClientStatus[] {
    return []
  }

  /**
   * Stops listening, then gives running user connections `graceMs` (default 500, as frp's client at its end) before
   * they are cut and the clients' sessions closed. Safe to call twice.
   */
  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    void options
  }
}
