// Free ports for programs that want a number in their config. They are taken below the ephemeral
// range (from 32768 on Linux), so that none of the thousands of outgoing connections of a bench
// sits on one before the program binds.

import { createServer } from 'node:net'
import { createSocket } from 'node:dgram'

const FIRST = 12_000
const LAST = 31_999

/** Distinct ports that are free on 127.0.0.1 for TCP and UDP at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 500) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`)
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if (!found.has(port) && (await isTcpFree(port)) && (await isUdpFree(port))) found.add(port)
  }
  return [...found]
}

function isTcpFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true))
    )
  })
}

function isUdpFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket('udp4')
    socket.once('error', () => {
      socket.close()
      resolve(false)
    })
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () =>
      socket.close(() => resolve(true))
    )
  })
}
