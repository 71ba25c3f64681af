// A peer that speaks wire messages by hand, as a real frpc or as a client of ours, to a server over
// the memory transport; and users on real loopback sockets. For the tests beside it.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type ServerConfig, serverConfigFromValues } from '../../lib/config/index.ts'
import { createServer, type Server } from '../../lib/server/server.ts'
import { MemoryNetwork, type MemorySession, memoryListener } from '../../lib/transport/memory.ts'
import { authKey } from '../../lib/wire/auth.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import type {
  Extension,
  LoginResp,
  Message,
  MessageOf,
  NewProxy,
} from '../../lib/wire/messages.ts'

export const TOKEN = 'correct horse'
const PORT = 7000

export interface TestServer {
  readonly server: Server
  readonly network: MemoryNetwork
  readonly config: ServerConfig
  close(): Promise<void>
}

/** A server that listens on the pretended network only; its user ports are real and on loopback. */
export async function startServer(
  values: Partial<ServerConfig> = {},
  { clock = systemClock }: { clock?: Clock } = {},
): Promise<TestServer> {
  const config = configOf(values)
  const network = new MemoryNetwork()
  const server = createServer(config, {
    clock,
    listen: async events => [await memoryListener({ network, port: PORT }, events)],
  })
  await server.start()
  // Nothing else keeps a process alive that talks only to itself.
  const keepAlive = setInterval(() => {}, 1 << 30)
  return {
    server,
    network,
    config,
    async close() {
      await server.close({ graceMs: 0 })
      clearInterval(keepAlive)
    },
  }
}

/** Defaults, but on loopback, on free ports and with our token. */
export function configOf(values: Partial<ServerConfig> = {}): ServerConfig {
  const auth = { token: TOKEN }
  const { config } = serverConfigFromValues({ bindAddr: '127.0.0.1', bindPort: 0, auth })
  return { ...config, ...values }
}

export class Peer {
  readonly session: MemorySession
  readonly control: MessageChannel
  response: LoginResp | undefined

  private constructor(session: MemorySession, control: MessageChannel) {
    this.session = session
    this.control = control
  }

  static async connect({ network }: TestServer): Promise<Peer> {
    const session = network.connect(PORT)
    return new Peer(session, new MessageChannel(await session.openStream()))
  }

  /** Connects and logs in as real frpc does unless the fields say otherwise. */
  static async login(server: TestServer, fields: object = {}): Promise<Peer> {
    const peer = await Peer.connect(server)
    await peer.login(fields)
    return peer
  }

  async login(fields: object = {}): Promise<LoginResp> {
    const timestamp = 1_700_000_000
    this.control.send({
      type: 'Login',
      version: '0.70.1',
      privilege_key: authKey(TOKEN, timestamp),
      timestamp,
      ...fields,
    })
    const response = await this.control.readExpected('LoginResp')
    this.response = response
    if (response.error === '') this.control.encrypt(deriveKey(TOKEN))
    return response
  }

  get runId(): string {
    return this.response?.run_id ?? ''
  }

  /** The next message of this type on the control; others before it are dropped. */
  async expect<T extends Message['type']>(type: T): Promise<MessageOf<T>> {
    for (;;) {
      const message = await this.control.readMessage()
      if (isOfType(message, type)) return message
    }
  }

  async newProxy(fields: Partial<NewProxy> = {}): Promise<MessageOf<'NewProxyResp'>> {
    this.control.send({ type: 'NewProxy', proxy_name: 'web', proxy_type: 'tcp', ...fields })
    return await this.expect('NewProxyResp')
  }

  /** Registers a tcp proxy on a port that the server chooses. */
  async tcpPort(fields: Partial<NewProxy> = {}): Promise<number> {
    const { remote_addr, error } = await this.newProxy(fields)
    if (error !== '') throw new Error(error)
    return Number(remote_addr.slice(1))
  }

  /** As frpc answers ReqWorkConn. */
  async offerWorkStream(fields: object = {}): Promise<MessageChannel> {
    const channel = new MessageChannel(await this.session.openStream())
    channel.send({ type: 'NewWorkConn', run_id: this.runId, ...fields })
    return channel
  }

  /** The next stream that the server opens. */
  acceptStream(): Promise<Duplex> {
    return new Promise(resolve => this.session.onStream(resolve))
  }

  async close(): Promise<void> {
    await this.session.close()
  }
}

/** A client of ours: the extension that it sends. */
export const OURS: { readonly quicfrp: Extension } = {
  quicfrp: { version: '0.1.0', features: ['server-streams', 'half-close'] },
}

export async function connectUser(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

/** All bytes until the end; our own direction stays open (`for await` would close it). */
export async function readAll(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!stream.readableEnded) await once(stream, 'end')
  return Buffer.concat(chunks).toString()
}

/** Exactly so many bytes. */
export async function readBytes(stream: Duplex, count: number): Promise<string> {
  for (;;) {
    const chunk: Buffer | null = stream.read(count)
    if (chunk !== null) return chunk.toString()
    await once(stream, 'readable')
  }
}

/** Resolves when nobody listens on the port any more, which must be now. */
export async function isPortOpen(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  return await new Promise(resolve => {
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

function isOfType<T extends Message['type']>(message: Message, type: T): message is MessageOf<T> {
  return message.type === type
}

/** A NewProxy as it was read: every field is there. */
export function newProxy(fields: Partial<NewProxy> = {}): NewProxy {
  return {
    type: 'NewProxy',
    proxy_name: 'web',
    proxy_type: 'tcp',
    use_encryption: false,
    use_compression: false,
    bandwidth_limit: '',
    bandwidth_limit_mode: '',
    group: '',
    group_key: '',
    metas: {},
    annotations: {},
    remote_port: 0,
    custom_domains: [],
    subdomain: '',
    locations: [],
    http_user: '',
    http_pwd: '',
    host_header_rewrite: '',
    headers: {},
    response_headers: {},
    route_by_http_user: '',
    sk: '',
    allow_users: [],
    multiplexer: '',
    ...fields,
  }
}
