// Load: connections that are opened and then kept: idle ones, and one whose reader stopped.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import type { Door, HoldRequest, StallRequest } from './messages.ts'

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
        const socket = await this.#open(request)
        socket.write('p')
        await once(socket, 'data')
      }
    }
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, lane))
  }

  async stall(request: StallRequest): Promise<void> {
    const socket = await this.#open(request)
    await once(socket, 'data')
    socket.pause()
  }

  release(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy()
  }

  async #open({ host, port }: Door): Promise<Socket> {
    const socket = connect({ host, port, noDelay: true })
    this.#sockets.push(socket)
    await once(socket, 'connect') // rejects on 'error'
    socket.on('error', () => socket.destroy())
    return socket
  }
}
