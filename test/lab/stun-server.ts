// A program for the tests: tells who asks which address it sees, from the address and port that the
// asker wishes. Arguments: two addresses of its host. It serves the purpose of RFC 5780.

import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { STUN_PORTS } from './stun-messages.ts'
import type { StunAnswer, StunRequest } from './stun-messages.ts'

const sockets: Socket[][] = []
for (const address of process.argv.slice(2)) {
  const ofAddress = STUN_PORTS.map(port => createSocket('udp4').bind(port, address))
  await Promise.all(ofAddress.map(socket => once(socket, 'listening')))
  sockets.push(ofAddress)
}
for (const [row, ofAddress] of sockets.entries()) {
  for (const [column, socket] of ofAddress.entries()) {
    socket.on('message', (message, { address, port }) => {
      // Only the test's own client sends here.
      const { id, from } = JSON.parse(message.toString()) as StunRequest
      const other = sockets[from === 'other-address' ? 1 - row : row]
      const answer: StunAnswer = { id, mapped: `${address}:${port}` }
      other?.[from === 'same' ? column : 1 - column]?.send(JSON.stringify(answer), port, address)
    })
  }
}
console.log('ready')
