// A STUN server on loopback with one address or two, which are two ports of it.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Test } from 'tap'
import { answerTo } from '../../bench/nat/stun.ts'

export interface StunServerOptions {
  readonly hasOther?: boolean
  /** Hears and does not answer. */
  readonly isSilent?: boolean
}

export interface StunServer {
  /** `127.0.0.1:port` */
  readonly address: string
  /** Ports on which requests came, in their order. */
  readonly asked: number[]
}

export async function stunServer(
  t: Test,
  { hasOther = true, isSilent = false }: StunServerOptions = {},
): Promise<StunServer> {
  const sockets = await Promise.all([bound(t), bound(t)])
  const [first, second] = sockets
  const asked: number[] = []
  for (const socket of sockets) {
    const { port } = socket.address()
    const other = hasOther ? (socket === first ? second : first).address().port : port
    socket.on('message', (request, from) => {
      asked.push(port)
      const answer = answerTo(request, from, { address: '127.0.0.1', port: other })
      if (answer && !isSilent) socket.send(answer, from.port, from.address)
    })
  }
  return { address: `127.0.0.1:${first.address().port}`, asked }
}

async function bound(t: Test): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return socket
}
