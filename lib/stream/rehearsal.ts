// The first connection of a program takes code that nothing has run before: about 6 ms at each end,
// three times what the later ones take. A connection of nobody's goes the same way before the first
// user comes, from a socket of this machine to one of the other machine's: one byte there and back.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const LOOPBACK = '127.0.0.1'
/** Whatever comes of it. */
const LIMIT_MS = 5_000

/**
 * The end of the machine with the service: `join` gets the port of one that echoes, and resolves
 * when its connection to it is over. Rejects as that does.
 */
export async function serveRehearsal(join: (port: number) => Promise<void>): Promise<void> {
  const server = await listen(socket => {
    socket.on('error', ignore)
    socket.on('data', (chunk: Buffer) => socket.write(chunk))
    socket.on('end', () => socket.end())
  })
  try {
    await join(portOf(server))
  } finally {
    server.close()
  }
}

/** The user's end: `join` gets his connection and owns it. Never rejects. */
export async function rehearse(join: (user: Socket) => void): Promise<void> {
  let server: Server | undefined
  let user: Socket | undefined
  try {
    server = await listen(join)
    user = connect({ host: LOOPBACK, port: portOf(server), noDelay: true })
    user.setTimeout(LIMIT_MS, () => user?.destroy())
    user.write('?')
    await Promise.race([once(user, 'data'), once(user, 'close')])
    user.end()
    if (!user.closed) await once(user, 'close')
  } catch {
    // It was only to be over sooner the next time.
  } finally {
    user?.destroy()
    server?.close()
  }
}

/** For one connection, which whoever on this machine is faster may have: it leads to an echo. */
async function listen(serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: true })
  server.maxConnections = 1
  server.once('connection', (socket: Socket) => {
    socket.setTimeout(LIMIT_MS, () => socket.destroy())
    serve(socket)
  })
  server.listen(0, LOOPBACK)
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  // A string or null only where it listens at a path, or not at all.
  return (server.address() as AddressInfo).port
}

function ignore(): void {}
