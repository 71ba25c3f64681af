// Local services and users that speak UDP, for tests of tunnels.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Test } from 'tap'

/** A bound socket on loopback; closed by the test's end. */
export async function udpSocket(t: Test, address: string = '127.0.0.1'): Promise<Socket> {
  const type = address.includes(':') ? 'udp6' : 'udp4'
  const socket = createSocket({ type, recvBufferSize: 4 << 20 })
  socket.on('error', () => {})
  socket.bind(0, address)
  await once(socket, 'listening')
  t.teardown(() => {
    try {
      socket.close()
    } catch {
      // The test has closed it itself.
    }
  })
  return socket
}

export interface UdpService {
  readonly port: number
  readonly socket: Socket
  /** `ip:port` of everyone who has sent something. */
  readonly seen: Set<string>
}

/** Answers each packet with `answer` of it; by default with itself. */
export async function udpService(
  t: Test,
  answer: (payload: Buffer, from: RemoteInfo) => Buffer | undefined = payload => payload,
): Promise<UdpService> {
  const socket = await udpSocket(t)
  const seen = new Set<string>()
  socket.on('message', (payload, from) => {
    seen.add(`${from.address}:${from.port}`)
    const reply = answer(payload, from)
    if (reply !== undefined) socket.send(reply, from.port, from.address)
  })
  return { port: socket.address().port, socket, seen }
}

/** A user of a public port: sends, and waits for answers. */
export class UdpUser {
  readonly socket: Socket
  readonly #port: number
  readonly #received: Buffer[] = []

  private constructor(socket: Socket, port: number) {
    this.socket = socket
    this.#port = port
    socket.on('message', payload => this.#received.push(payload))
  }

  static async open(t: Test, port: number): Promise<UdpUser> {
    return new UdpUser(await udpSocket(t), port)
  }

  get port(): number {
    return this.socket.address().port
  }

  send(payload: Buffer | string): void {
    this.socket.send(payload, this.#port, '127.0.0.1')
  }

  /** The next packet that came. */
  async receive(): Promise<Buffer> {
    for (;;) {
      const payload = this.#received.shift()
      if (payload !== undefined) return payload
      await once(this.socket, 'message')
    }
  }

  async ask(payload: Buffer | string): Promise<Buffer> {
    this.send(payload)
    return this.receive()
  }

  /** Asks ten times a second until something comes, for moments in which packets are lost. */
  async askAgain(payload: Buffer | string): Promise<Buffer> {
    const timer = setInterval(() => this.send(payload), 100)
    try {
      return await this.ask(payload)
    } finally {
      clearInterval(timer)
    }
  }
}
