// A STUN server for real frp, which needs one with a second address: two addresses with two ports
// each, given as arguments. It belongs to the bench's own network, where nobody sends what a public
// server would have to fear.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { answerTo, OTHER_PORT, STUN_PORT } from './stun.ts'

const addresses = process.argv.slice(2)
for (const address of addresses) {
  for (const port of [STUN_PORT, OTHER_PORT]) {
    const socket = createSocket('udp4')
    const other = {
      address: addresses.find(one => one !== address) ?? address,
      port: port === STUN_PORT ? OTHER_PORT : STUN_PORT,
    }
    socket.on('message', (message, from) => {
      const answer = answerTo(message, from, other)
      if (answer !== undefined) socket.send(answer, from.port, from.address)
    })
    socket.bind(port, address)
    await once(socket, 'listening')
  }
}
console.log('ready')
