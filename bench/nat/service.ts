// What stands behind the owner's proxy: a TCP service whose first byte says what is wanted, so that
// one peer connection serves every question. Prints its port.

import { createServer } from 'node:net'
import { once } from 'node:events'
import { blockOf, ECHO, SEND } from './traffic.ts'

const server = createServer({ noDelay: true }, socket => {
  // The user goes away in the middle: most runs end like this.
  socket.on('error', () => socket.destroy())
  socket.once('data', (first: Buffer) => {
    switch (first[0]) {
      case ECHO:
        socket.write(first)
        socket.on('data', (chunk: Buffer) => socket.write(chunk))
        return
      case SEND:
        void sendForever()
        return
      default:
        socket.destroy()
    }
  })

  /** What a connection carries is fixed by the position in it, so that its end can check it. */
  async function sendForever(): Promise<void> {
    const closed = once(socket, 'close')
    socket.on('data', () => {}) // without it the end of the connection is not seen
    for (let block = 0; !socket.destroyed && socket.writable; block++) {
      if (socket.write(blockOf(block))) continue
      await Promise.race([once(socket, 'drain'), closed]).catch(() => {})
    }
  }
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (typeof address === 'object' && address !== null) console.log(`port ${address.port}`)
