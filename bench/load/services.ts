// The services behind the tunnel: a source, a sink, and echoes over TCP and UDP, on free ports.

import { createSocket } from 'node:dgram'
import { createServer, isIPv6, Socket } from 'node:net'
import type { ConnectOpts, Server, SocketConstructorOpts } from 'node:net'
import { once } from 'node:events'
import type { ServicePorts } from './messages.ts'
import { encodeReport, REPORT_MS } from './progress.ts'
import { openUdp } from './udp-batch.ts'

/**
 * One buffer for all that is sent. Larger ones cost more in page faults than they save in calls (64
 * kB to 1 MB tried).
 */
export const SEND_CHUNK: Buffer = Buffer.alloc(256 * 1024, 'quicfrp ')

/** As large as one read of the kernel's receive buffer gets on loopback. */
export const RECEIVE_BYTES: number = 512 * 1024

export interface BulkServices {
  readonly ports: Pick<ServicePorts, 'source' | 'sink'>
  /** Bounds what the source sends on a connection that it accepts from now on. */
  limitSource(bytes: number): void
  /** What the source handed to the kernel on the connection that it accepted last. */
  sourceBytes(): number
}

/** `host` is the address they listen on. */
export async function startBulkServices(host: string): Promise<BulkServices> {
  let sourceLimit = Infinity
  let lastSource: Socket | undefined

  const source = createServer({ noDelay: true }, socket => {
    lastSource = socket
    // The user goes away in the middle: every run ends like this.
    socket.on('error', () => socket.destroy())
    socket.resume() // without it the end of the connection is not seen
    sendForever(socket, sourceLimit)
  })
  const sink = createServer({ noDelay: true, pauseOnConnect: true }, takeAndReport)

  return {
    ports: { source: await listen(source, host), sink: await listen(sink, host) },
    limitSource: bytes => {
      sourceLimit = bytes
    },
    sourceBytes: () =>
      lastSource === undefined ? 0 : lastSource.bytesWritten - lastSource.writableLength,
  }
}

export interface EchoServices {
  readonly ports: Pick<ServicePorts, 'echo'> & { readonly datagrams: number }
  /**
   * Of the UDP echo's socket, for a load that serves it itself for a while; undefined where the
   * machine cannot do that.
   */
  readonly datagramsFd: number | undefined
}

export async function startEchoServices(host: string): Promise<EchoServices> {
  const echo = createServer({ noDelay: true }, socket => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => socket.write(chunk))
  })
  const datagrams = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  datagrams.on('message', (message, { address, port }) => datagrams.send(message, port, address))
  datagrams.on('error', () => {}) // a user that is gone: nothing is owed to him
  const fd = openUdp(host)
  const listening = once(datagrams, 'listening')
  if (fd === undefined) datagrams.bind(0, host)
  else datagrams.bind({ fd })
  await listening
  return {
    ports: { echo: await listen(echo, host), datagrams: datagrams.address().port },
    datagramsFd: fd,
  }
}

/** One connection to the sink: its bytes are counted, and the sender told (progress.ts). */
function takeAndReport(accepted: Socket): void {
  let bytes = 0
  let beganAt = 0
  let reporting: NodeJS.Timeout | undefined
  const report = (): void => {
    // A sender that does not read its reports gets fewer of them.
    if (socket.writableLength < 4096) {
      socket.write(encodeReport(performance.now() - beganAt, bytes))
    }
  }
  const socket = withFixedBuffer(accepted, count => {
    if (bytes === 0) {
      beganAt = performance.now()
      report()
      reporting = setInterval(report, REPORT_MS)
    }
    bytes += count
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => clearInterval(reporting))
}

/**
 * Keeps one chunk in flight: the next is handed over when the kernel took the last one. Stops with
 * the socket.
 */
export function sendForever(socket: Socket, limitBytes: number): void {
  let left = limitBytes
  const next = (): void => {
    if (socket.destroyed || !socket.writable || left <= 0) return
    left -= SEND_CHUNK.length
    socket.write(SEND_CHUNK, error => {
      if (!error) next()
    })
  }
  next()
}

async function listen(server: Server, host: string): Promise<number> {
  server.listen({ port: 0, host, backlog: 1024 })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a service has no port')
  return address.port
}

/**
 * Reads an accepted (and paused) socket into one buffer, and returns the socket to use then.
 * `net` documents `onread` for outgoing connections only; here the accepted handle moves into a new
 * Socket, by the `handle` option that net.Server itself uses. Reading into fresh memory instead
 * costs 0.5 to 0.8 s of CPU per GB, this way 0.13: the tunnel under test needs those cores.
 */
function withFixedBuffer(accepted: Socket, onBytes: (bytes: number) => void): Socket {
  const inside = accepted as Socket & { _handle?: unknown } // untyped for the same reason
  const handle = inside._handle
  if (handle === undefined || handle === null) {
    return accepted.on('data', (chunk: Buffer) => onBytes(chunk.length)).resume()
  }
  inside._handle = null
  const options: SocketConstructorOpts & ConnectOpts & { handle: unknown } = {
    handle,
    onread: {
      buffer: Buffer.allocUnsafeSlow(RECEIVE_BYTES),
      callback: bytes => {
        onBytes(bytes)
        return true
      }
    }
  }
  return new Socket(options)
}
