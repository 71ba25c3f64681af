// The local doors of a bench: ports on 127.0.0.1 behind which a server's source, sink and echoes
// are, so that any load can use them as if the services were there.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { Flow, FlowLink } from '../datagram/index.ts'
import { splice } from '../stream/splice.ts'
import type { Bench, BenchService } from './bench.ts'

export interface BenchDoors {
  readonly ports: {
    readonly source: number
    readonly sink: number
    readonly echo: number
    /** UDP. */
    readonly datagrams: number
  }
  /** Closes the doors and what came through them; the bench stays. Safe to call twice. */
  close(): Promise<void>
}

const HOST = '127.0.0.1'
/** As the sockets of a tunnel (lib/proxy/host.ts). */
const HIGH_WATER_MARK = 256 << 10
/** Users of the UDP door; a game is one. */
const MAX_FLOWS = 64

/** Rejects when no port can be opened. */
export async function openDoors(bench: Bench): Promise<BenchDoors> {
  const closing = new AbortController()
  try {
    const source = await openDoor(bench, 'source', closing.signal)
    const sink = await openDoor(bench, 'sink', closing.signal)
    const echo = await openDoor(bench, 'echo', closing.signal)
    const datagrams = await openDatagramDoor(await bench.openFlows(), closing.signal)
    return {
      ports: { source, sink, echo, datagrams },
      close: async () => closing.abort(),
    }
  } catch (error) {
    closing.abort()
    throw error
  }
}

async function openDoor(
  bench: Bench,
  service: BenchService,
  signal: AbortSignal,
): Promise<number> {
  const options = { allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_MARK }
  const sockets = new Set<Socket>()
  const server = createServer(options, socket => {
    // Until it is joined; 'close' tells the same.
    socket.on('error', ignore)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    bench.openStream(service).then(
      stream => splice(socket, stream, { halfClose: true }),
      () => socket.destroy(),
    )
  })
  const leave = (): void => sockets.forEach(socket => socket.destroy())
  signal.addEventListener('abort', leave, { once: true })
  return listen(server, signal)
}

async function listen(server: Server, signal: AbortSignal): Promise<number> {
  server.listen({ port: 0, host: HOST, backlog: 1024 })
  await once(server, 'listening')
  signal.addEventListener('abort', () => server.close(), { once: true })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function openDatagramDoor(link: FlowLink, signal: AbortSignal): Promise<number> {
  const flows = new Map<string, Flow>()
  const socket = createSocket('udp4')
  socket.on('error', ignore) // a user that is gone
  socket.on('message', (packet, { address: ip, port }) => {
    const user = `${ip}:${port}`
    let flow = flows.get(user)
    if (flow === undefined) {
      flow = flows.size < MAX_FLOWS ? link.open({ ip, port }) : undefined
      if (flow === undefined) return
      flows.set(user, flow)
      flow.onPacket(answer => socket.send(Buffer.from(answer), port, ip))
      flow.onClose(() => flows.delete(user))
    }
    flow.send(packet)
  })
  socket.bind(0, HOST)
  await once(socket, 'listening')
  const { port } = socket.address()
  signal.addEventListener(
    'abort',
    () => {
      link.close()
      socket.close()
    },
    { once: true },
  )
  return port
}

function ignore(): void {}
