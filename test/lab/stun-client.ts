// A program for the tests: asks the STUN-like server and prints what it found. Arguments: the two
// addresses of the server.

import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { STUN_PORTS } from './stun-messages.ts'
import type { StunAnswer, StunFindings, StunRequest } from './stun-messages.ts'

const [first = '', second = ''] = process.argv.slice(2)
const [port, otherPort] = STUN_PORTS

interface Target {
  readonly ip: string
  readonly port: number
  readonly from: StunRequest['from']
}

/** Asks in this order, and waits for the answer to the last one: nothing overtakes in the lab. */
async function ask(socket: Socket, targets: readonly Target[]): Promise<Map<number, string>> {
  const answers = new Map<number, string>()
  const lastCame = new Promise<void>(resolve => {
    socket.on('message', message => {
      // Only the test's own server sends here.
      const { id, mapped } = JSON.parse(message.toString()) as StunAnswer
      answers.set(id, mapped)
      if (id === targets.length - 1) resolve()
    })
  })
  for (const [id, { ip, port, from }] of targets.entries()) {
    socket.send(JSON.stringify({ id, from } satisfies StunRequest), port, ip)
  }
  await lastCame
  return answers
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  return socket
}

const mappingSocket = await bound()
const mapped = await ask(mappingSocket, [
  { ip: first, port, from: 'same' },
  { ip: first, port: otherPort, from: 'same' },
  { ip: second, port, from: 'same' },
])
const filteringSocket = await bound()
const order = ['other-address', 'other-port', 'same'] as const
const admitted = await ask(filteringSocket, order.map(from => ({ ip: first, port, from })))
const findings: StunFindings = {
  localPort: mappingSocket.address().port,
  mapped: [0, 1, 2].map(id => mapped.get(id) ?? 'no answer'),
  admitted: order.filter((_, id) => admitted.has(id)),
}
console.log(JSON.stringify(findings))
mappingSocket.close()
filteringSocket.close()
