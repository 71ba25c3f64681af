// Opens the UDP ports that proxies ask for, as user-ports.ts the TCP ports; the two kinds of port
// numbers know nothing of each other.

import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { errorDetail, errorText, systemCode, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { OpenUdpPort } from '../proxy/host.ts'
import { openUdpSocket, type UdpSocket } from '../udp/index.ts'
import type { PortTable } from './ports.ts'

export interface UserUdpPortsOptions {
  readonly table: PortTable
  /** Empty or 0.0.0.0: all interfaces, IPv6 too, as Go does it. */
  readonly bindAddr: string
  readonly clock: Clock
  /** Somebody of ours holds this port who need not: true when he has left it. */
  readonly reclaim?: (port: number) => Promise<boolean>
}

export interface UserUdpPortRequest {
  /** The proxy; it finds its port again when it asks for 0. */
  readonly name: string
  readonly remotePort: number
  readonly log: Logger
  /**
   * `payload` is lent for the call; `from` is one object for each address, as long as it is known.
   */
  readonly onPacket: (payload: Buffer, from: Address) => void
}

export class UserUdpPorts {
  readonly #options: UserUdpPortsOptions

  constructor(options: UserUdpPortsOptions) {
    this.#options = options
  }

  /** Rejects with PORT_NOT_ALLOWED or PORT_UNAVAILABLE; `detail` is frp's text for the client. */
  async open(request: UserUdpPortRequest): Promise<OpenUdpPort> {
    const { remotePort } = request
    try {
      return await this.#open(request)
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error
      // frp names the port for udp, and only there.
      const detail = `acquire port ${remotePort} error: ${errorDetail(error)}`
      throw new TunnelError(error.code, detail)
    }
  }

  async #open({ name, remotePort, log, onPacket }: UserUdpPortRequest): Promise<OpenUdpPort> {
    const { table, bindAddr, clock } = this.#options
    for (const port of table.candidates(name, remotePort, clock.now())) {
      if (!table.claim(port, name)) continue
      try {
        const socket = await bind(bindAddr, port).catch(async (error: unknown) => {
          const isWanted = port === remotePort && systemCode(error) === 'EADDRINUSE'
          if (!isWanted || !(await this.#options.reclaim?.(port))) throw error
          return await bind(bindAddr, port)
        })
        table.handleBound(port)
        socket.start({ onDatagram: (payload, from) => onPacket(payload, from), onBatchEnd() {} })
        let closed: Promise<void> | undefined
        return {
          port,
          // A full kernel buffer loses the packet, as it does for any UDP program.
          send: (payload, to) => void socket.send(payload, payload.length, to),
          close: () => (closed ??= this.#close(socket, port)),
        }
      } catch (error) {
        table.unclaim(port)
        log.debug(`udp port ${port} cannot be bound: ${errorText(error)}`)
      }
    }
    throw table.refusal(remotePort)
  }

  async #close(socket: UdpSocket, port: number): Promise<void> {
    await socket.close()
    this.#options.table.release(port, this.#options.clock.now())
  }
}

async function bind(bindAddr: string, port: number): Promise<UdpSocket> {
  const options = { use: 'packets' } as const
  if (bindAddr !== '' && bindAddr !== '0.0.0.0') {
    return await openUdpSocket({ ip: bindAddr, port }, options)
  }
  try {
    return await openUdpSocket({ ip: '::', port }, options)
  } catch (error) {
    const code = systemCode(error)
    // A machine without IPv6.
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error
    return await openUdpSocket({ ip: '0.0.0.0', port }, options)
  }
}
