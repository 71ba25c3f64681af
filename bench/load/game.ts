// Load: a game. Datagrams at a fixed pace to the UDP echo, each with its number.

import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { GameRequest, PulseResult } from './messages.ts'
import { Pulse } from './pulse.ts'

/** A payload may wait in the kernel's queue while the next is made. */
const PAYLOADS = 64

export async function runGame(request: GameRequest): Promise<PulseResult> {
  const { host, port, payloadBytes } = request
  const payloads = Array.from({ length: PAYLOADS }, () => Buffer.alloc(payloadBytes, 'g'))
  const socket: Socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  const pulse = new Pulse(request, sequence => {
    const payload = payloads[sequence % PAYLOADS] ?? Buffer.alloc(payloadBytes)
    payload.writeUInt32BE(sequence, 0)
    socket.send(payload)
  })
  socket.on('message', message => {
    if (message.length === payloadBytes) pulse.handleAnswer(message.readUInt32BE(0))
  })
  // A port unreachable, mostly: those messages are lost, and counted as such.
  socket.on('error', () => {})
  socket.connect(port, host)
  await once(socket, 'connect')
  pulse.start()
  await pulse.done
  socket.close()
  return pulse.result()
}
