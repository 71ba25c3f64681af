// Load: connections that are opened and then kept: idle ones, and one whose reader stopped.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import type { HoldRequest, StallRequest } from './messages.ts'
import type { Services } from './services.ts'

/**
 * Connections opened at the same time: a burst of all of them would measure the peak of the burst.
 */
const OPENED_AT_ONCE = 16

export class HeldConnections {
  readonly #sockets: Socket[] = []

  async hold(request: HoldRequest): Promise<void> {
    let left = request.count
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const socket = await this.#open(request.port)
        socket.write('p')
        await once(socket, 'data')
      }
    }
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, lane))
  }

  async stall(request: StallRequest, services: Services): Promise<void> {
    services.limitSource(request.waitingBytes)
    const socket = await this.#open(request.port)
    await once(socket, 'data')
    socket.pause()
    services.limitSource(Infinity)
  }

  release(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy()
  }

  async #open(port: number): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#sockets.push(socket)
    await once(socket, 'connect') // rejects on 'error'
    socket.on('error', () => socket.destroy())
    return socket
  }
}
