// A whole tunnel for tests: our server and our client over one transport, local services and users
// on loopback sockets.

import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import type { Test } from 'tap'
import {
  type Client,
  type ClientOptions,
  clientConfigFromValues,
  createClient,
  createServer,
  type ProxyConfig,
  type RawValues,
  type Server,
  type ServerOptions,
  serverConfigFromValues,
} from '../../lib/index.ts'
import { selfSignedCertificate } from '../../lib/transport/certificate.ts'
import { memoryDialer, memoryListener, MemoryNetwork } from '../../lib/transport/memory.ts'
import { listenQuic } from '../../lib/transport/quic.ts'
import { listenTcp } from '../../lib/transport/tcp.ts'
import type { Dialer, Listener, ListenerEvents } from '../../lib/transport/transport.ts'

export interface TransportChoice {
  readonly name: string
  /** `memory` stays inside the process; the others are values of transport.protocol. */
  readonly protocol: 'memory' | 'tcp' | 'quic'
  /** Values of `transport` at the client beside the protocol, and at the server. */
  readonly client?: RawValues
  readonly server?: RawValues
}

export interface TunnelChoice {
  readonly server?: RawValues
  readonly client?: RawValues
  /** Raw values; type tcp, localIP 127.0.0.1 and remotePort 0 unless they say otherwise. */
  readonly proxies?: readonly RawValues[]
  /** Raw values; type stcp and bindPort 0 unless they say otherwise. */
  readonly visitors?: readonly RawValues[]
  /** Instead of `proxies`: resolved already. */
  readonly resolved?: readonly ProxyConfig[]
  readonly serverOptions?: ServerOptions
  readonly clientOptions?: ClientOptions
  /** Replaces the way of the client: on the memory transport only. */
  readonly wrap?: (dialer: Dialer) => Dialer
  /** Opens something between the two; gives the port at which the client finds it. */
  readonly reach?: (serverPort: number) => Promise<number>
}

export interface Tunnel {
  readonly server: Server
  readonly client: Client
  /**
   * Resolves with the public port once the proxy is up; rejects with the server's words when it was
   * refused.
   */
  port(name: string): Promise<number>
  /** The same for the local port of a visitor. */
  door(name: string): Promise<number>
  /** Another client of the same server; closed by the test's end. */
  join(choice: ClientChoice): Promise<JoinedClient>
}

export type ClientChoice = Pick<
  TunnelChoice,
  'client' | 'proxies' | 'visitors' | 'resolved' | 'clientOptions' | 'wrap'
>

export type JoinedClient = Pick<Tunnel, 'client' | 'port' | 'door'>

const TOKEN = 'correct horse'

/** Closed by the test's end. */
export async function openTunnel(
  t: Test,
  transport: TransportChoice,
  choice: TunnelChoice = {},
): Promise<Tunnel> {
  const network = new MemoryNetwork()
  const { config: serverConfig } = serverConfigFromValues({
    bindAddr: '127.0.0.1',
    bindPort: 0,
    auth: { token: TOKEN },
    ...(transport.server && { transport: transport.server }),
    ...choice.server,
  })
  const server = createServer(serverConfig, {
    ...choice.serverOptions,
    listen: async events => [await listener(transport, network, events)],
  })
  await server.start()
  const { tcp, quic } = server.addresses()
  const { port: serverPort = 7000 } = (transport.protocol === 'quic' ? quic : tcp) ?? {}
  const reached = (await choice.reach?.(serverPort)) ?? serverPort
  t.teardown(() => server.close({ graceMs: 0 }))
  const join = (joining: ClientChoice): Promise<JoinedClient> =>
    joinTunnel(t, transport, joining, { network, port: reached })
  return { server, join, ...(await join(choice)) }
}

async function joinTunnel(
  t: Test,
  transport: TransportChoice,
  choice: ClientChoice,
  { network, port: serverPort }: { readonly network: MemoryNetwork; readonly port: number },
): Promise<JoinedClient> {
  const isMemory = transport.protocol === 'memory'
  const dialer = memoryDialer({ network, port: 7000 })
  const { config, proxies, visitors } = clientConfigFromValues({
    common: {
      serverAddr: '127.0.0.1',
      serverPort,
      auth: { token: TOKEN },
      // Nobody outside of this machine is asked.
      natHoleStunServer: '',
      natPortMapping: false,
      ...choice.client,
      transport: { protocol: isMemory ? 'tcp' : transport.protocol, ...transport.client },
    },
    proxies: (choice.proxies ?? []).map(proxy => ({ type: 'tcp', ...proxy })),
    // No file can say 0; whoever resolves a configuration can.
    visitors: (choice.visitors ?? []).map(visitor => ({ type: 'stcp', bindPort: -1, ...visitor })),
  })
  const client = createClient(
    {
      config,
      proxies: choice.resolved ?? proxies,
      visitors: visitors.map(visitor => ({
        ...visitor,
        bindPort: visitor.bindPort === -1 ? 0 : visitor.bindPort,
      })),
    },
    {
      ...choice.clientOptions,
      ...(isMemory && { dialer: choice.wrap?.(dialer) ?? dialer }),
    },
  )
  const results = new Map<string, { port: number } | { error: string }>()
  const bell = new EventEmitter().setMaxListeners(0)
  const note = (name: string, result: { port: number } | { error: string }): void => {
    results.set(name, result)
    bell.emit('result')
  }
  const wait = async (name: string): Promise<number> => {
    for (;;) {
      const result = results.get(name)
      if (!result) await once(bell, 'result')
      else if ('port' in result) return result.port
      else throw new Error(result.error)
    }
  }
  client.on('proxyUp', ({ name, remoteAddr }) => {
    note(name, { port: Number(remoteAddr.split(':').at(-1)) })
  })
  client.on('proxyDown', ({ name, error }) => note(name, { error }))
  client.on('visitor', ({ name, phase, localAddr, error }) => {
    if (phase === 'start error') note(`door ${name}`, { error })
    else if (localAddr !== '') note(`door ${name}`, { port: Number(localAddr.split(':').at(-1)) })
  })
  t.teardown(() => client.close({ graceMs: 0 }))
  await client.start()
  return { client, port: wait, door: name => wait(`door ${name}`) }
}

/** Only the transport in question: what a config opens is tested with the server. */
async function listener(
  { protocol, server }: TransportChoice,
  network: MemoryNetwork,
  events: ListenerEvents,
): Promise<Listener> {
  if (protocol === 'memory') return memoryListener({ network, port: 7000 }, events)
  const address = { ip: '127.0.0.1', port: 0 }
  const certificate = await selfSignedCertificate()
  if (protocol === 'tcp') {
    const mux = server?.['tcpMux'] !== false
    return listenTcp({ address, mux, tls: { ...certificate, force: false } }, events)
  }
  return listenQuic(
    {
      ...certificate,
      address,
      keepaliveMs: 10_000,
      idleTimeoutMs: 30_000,
      maxStreams: 100_000,
      datagramBytes: 0,
    },
    events,
  )
}

/** A local service; gives its port. */
export async function service(t: Test, serve: (socket: net.Socket) => void): Promise<number> {
  const listener = net.createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    serve(socket)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('it does not listen on TCP')
  return address.port
}

/** Sends everything back. */
export function echo(socket: net.Socket): void {
  socket.pipe(socket)
}

/** A user of a public port. */
export async function user(t: Test, port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Everything up to the end or the close, whichever comes; leaves the other direction alone. */
export function readAll(socket: net.Socket): Promise<Buffer> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    const finish = (): void => resolve(Buffer.concat(chunks))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', finish)
    socket.once('close', finish)
  })
}

/** Exactly so many bytes, or fewer when it is over before. */
export async function readBytes(socket: net.Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let count = 0
  for (;;) {
    // All there is: while some is left, waiting for 'readable' would not wait.
    for (let chunk = socket.read() as Buffer | null; chunk; chunk = socket.read() as Buffer | null) {
      chunks.push(chunk)
      count += chunk.length
    }
    if (count >= length) {
      const bytes = Buffer.concat(chunks)
      if (count > length) socket.unshift(bytes.subarray(length))
      return bytes.subarray(0, length)
    }
    if (socket.readableEnded || socket.destroyed) return Buffer.alloc(0)
    await new Promise<void>(resolve => {
      const wake = (): void => {
        for (const event of ['readable', 'end', 'close']) socket.off(event, wake)
        resolve()
      }
      for (const event of ['readable', 'end', 'close']) socket.on(event, wake)
    })
  }
}

export interface Payload {
  readonly bytes: Buffer
  readonly sha256: string
}

export function payload(length: number): Payload {
  const bytes = randomBytes(length)
  return { bytes, sha256: sha256(bytes) }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
