// A child process with one side of a tunnel, which tells what it holds. Run with --expose-gc;
// argv: `server`, or `client PROTOCOL SERVERPORT LOCALPORT`. Speaks over IPC.

import { readdirSync } from 'node:fs'
import {
  clientConfigFromValues,
  createClient,
  createServer,
  serverConfigFromValues,
} from '../../lib/index.ts'

export interface Held {
  /** V8's heap after collection, and the memory that its objects keep outside of it. */
  readonly heapBytes: number
  readonly rssBytes: number
  /** Open descriptors. */
  readonly descriptors: number
  /** What keeps the event loop: sockets, timers and the like. */
  readonly resources: readonly string[]
  /** User connections that the server counts as running. */
  readonly connections: number
}

export type FromChild =
  | { readonly type: 'ready'; readonly ports: { readonly tcp: number; readonly quic: number } }
  | { readonly type: 'proxy'; readonly port: number }
  | { readonly type: 'held'; readonly held: Held }

const tell = (message: FromChild): void => void process.send?.(message)

const [side, ...rest] = process.argv.slice(2)
const connections = side === 'server' ? await serve() : await connect(rest)
process.on('message', () => tell({ type: 'held', held: held(connections()) }))
process.on('disconnect', () => process.exit())

async function serve(): Promise<() => number> {
  const values = { bindAddr: '127.0.0.1', bindPort: 0 }
  const server = createServer(serverConfigFromValues(values).config)
  await server.start()
  const { tcp, quic } = server.addresses()
  tell({ type: 'ready', ports: { tcp: tcp?.port ?? 0, quic: quic?.port ?? 0 } })
  return () =>
    server
      .clients()
      .flatMap(({ proxies }) => proxies)
      .reduce((sum, { currentConnections }) => sum + currentConnections, 0)
}

async function connect([protocol, serverPort, localPort]: readonly string[]): Promise<() => number> {
  const setup = clientConfigFromValues({
    common: {
      serverAddr: '127.0.0.1',
      serverPort: Number(serverPort),
      transport: { protocol },
    },
    proxies: [{ name: 'echo', type: 'tcp', localPort: Number(localPort), remotePort: 0 }],
  })
  const client = createClient({ ...setup, visitors: [] })
  client.on('proxyUp', ({ remoteAddr }) => {
    tell({ type: 'proxy', port: Number(remoteAddr.split(':').at(-1)) })
  })
  await client.start()
  return () => 0
}

function held(connections: number): Held {
  // What finalizers let go is collected by the second round.
  for (let round = 0; round < 3; round++) globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    heapBytes: heapUsed + external,
    rssBytes: rss,
    descriptors: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo(),
    connections,
  }
}
