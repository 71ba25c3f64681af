// Ports of the demonstration: the ones that everybody knows where they are free, any other where
// they are not.

import { createServer, type Server } from 'node:net'

/**
 * Listens on `preferred` on loopback; on any free port where that is taken or not permitted.
 * Resolves to the port.
 */
export async function listenNear(server: Server, preferred: number): Promise<number> {
  try {
    await listen(server, preferred)
  } catch {
    // In use, or below 1024 without the right to it: another port is as good.
    await listen(server, 0)
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return address.port
}

/**
 * A port that was free a moment ago, `preferred` if possible. Another program can still be faster.
 */
export async function freePort(preferred: number): Promise<number> {
  const probe = createServer()
  const port = await listenNear(probe, preferred)
  await new Promise(resolve => probe.close(resolve))
  return port
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1' }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
