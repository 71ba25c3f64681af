// Opens the TCP ports that proxies ask for: tries what the table offers by really binding it, on
// every interface that proxyBindAddr names.

import { createServer, type Server, type Socket } from 'node:net'
import { isWildcard, plainIp } from '../address.ts'
import type { Clock } from '../clock.ts'
import { errorText, systemCode } from '../errors.ts'
import type { Logger } from '../log.ts'
import { SOCKET_HIGH_WATER_MARK, type OpenPort, type UserConnection } from '../proxy/host.ts'
import type { PortTable } from './ports.ts'

export interface UserPortsOptions {
  readonly table: PortTable
  /** Empty or 0.0.0.0: all interfaces, IPv6 too, as Go does it. */
  readonly bindAddr: string
  readonly clock: Clock
}

export interface UserPortRequest {
  /** The proxy; it finds its port again when it asks for 0. */
  readonly name: string
  readonly remotePort: number
  readonly log: Logger
  readonly onUser: (user: UserConnection) => void
}

export class UserPorts {
  readonly #options: UserPortsOptions

  constructor(options: UserPortsOptions) {
    this.#options = options
  }

  /** Rejects with PORT_NOT_ALLOWED or PORT_UNAVAILABLE; `detail` is frp's text for the client. */
  async open({ name, remotePort, log, onUser }: UserPortRequest): Promise<OpenPort> {
    const { table, bindAddr, clock } = this.#options
    for (const port of table.candidates(name, remotePort, clock.now())) {
      if (!table.claim(port, name)) continue
      try {
        const server = await listen(bindAddr, port)
        table.handleBound(port)
        server.on('connection', socket => accept(socket, onUser))
        // Out of descriptors, mostly: this user is lost, the port stays.
        server.on('error', error => log.warn(`accept error: ${errorText(error)}`))
        let closed: Promise<void> | undefined
        return { port, close: () => (closed ??= this.#close(server, port)) }
      } catch (error) {
        table.unclaim(port)
        log.debug(`port ${port} cannot be bound: ${errorText(error)}`)
      }
    }
    throw table.refusal(remotePort)
  }

  async #close(server: Server, port: number): Promise<void> {
    // The port is free when this returns; the callback would wait for all connections to end.
    server.close()
    this.#options.table.release(port, this.#options.clock.now())
  }
}

/**
 * Users' bytes wait in the socket's buffer, and then in the kernel's, until the work stream is
 * there.
 */
function accept(socket: Socket, onUser: (user: UserConnection) => void): void {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  // A connection that was reset before we looked at it has no address any more.
  if (remoteAddress === undefined || remotePort === undefined) {
    socket.destroy()
    return
  }
  onUser({
    stream: socket,
    remote: { ip: plainIp(remoteAddress), port: remotePort },
    local: { ip: plainIp(localAddress ?? ''), port: localPort ?? 0 },
  })
}

async function listen(bindAddr: string, port: number): Promise<Server> {
  if (bindAddr !== '' && bindAddr !== '0.0.0.0') return await bind(bindAddr, port)
  try {
    return await bind('::', port)
  } catch (error) {
    const code = systemCode(error)
    // A machine without IPv6.
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error
    return await bind('0.0.0.0', port)
  }
}

function bind(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: SOCKET_HIGH_WATER_MARK,
    })
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: !isWildcard(host) }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}
