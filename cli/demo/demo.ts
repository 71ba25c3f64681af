// The parts of the demonstration and their order: local services, server, the file, client. Uses
// the public library only, as any program could.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Client,
  createClient,
  createServer,
  loadClientConfig,
  type Logger,
  type Server,
  serverConfigFromValues,
  type SessionInfo,
  TunnelError,
} from '../../lib/index.ts'
import { openLogger } from '../log/logger.ts'
import { freePort } from './ports.ts'
import { type LocalService, startEchoService, startPageService } from './services.ts'

export interface Published {
  readonly localPort: number
  readonly publicPort: number
}

export interface StartedDemo {
  readonly serverPort: number
  /** False where there is no QUIC binary for this system. */
  readonly hasQuic: boolean
  /** The file that the client runs with. */
  readonly path: string
  readonly ssh: Published
  readonly http: Published
}

export interface Visitor {
  readonly proxy: string
  readonly source: string
}

export interface Demo {
  /** Resolves when both public ports are open. */
  start(): Promise<StartedDemo>
  session(): SessionInfo | undefined
  onVisitor(handler: (visitor: Visitor) => void): void
  /** Ends what was started. Safe at any time. */
  close(): Promise<void>
}

const HOST = '127.0.0.1'

/**
 * Loopback, a login and two proxies: 10 s means that something is wrong, however busy the machine
 * is.
 */
const PROXY_TIMEOUT_MS = 10_000

export function createDemo(): Demo {
  return new RunningDemo()
}

class RunningDemo implements Demo {
  /** What to undo, in the order of making. */
  readonly #undo: (() => Promise<unknown>)[] = []
  readonly #log: Logger = openLogger(
    { to: 'console', level: 'error', maxDays: 3, disablePrintColor: false },
    { json: false },
  )
  #client: Client | undefined

  async start(): Promise<StartedDemo> {
    const sshService = this.#owned(await startEchoService())
    const pageService = this.#owned(await startPageService())
    const { serverPort, hasQuic } = await this.#startServer()
    const ssh = { localPort: sshService.port, publicPort: await freePort(6000) }
    const http = { localPort: pageService.port, publicPort: await freePort(6001) }

    const folder = await mkdtemp(join(tmpdir(), 'quicfrp-'))
    this.#undo.push(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'frpc.ini')
    await writeFile(path, clientFile({ serverPort, ssh, http }))
    await this.#startClient(path)
    return { serverPort, hasQuic, path, ssh, http }
  }

  session(): SessionInfo | undefined {
    return this.#client?.session()
  }

  onVisitor(handler: (visitor: Visitor) => void): void {
    this.#client?.on('workStream', ({ proxy, source }) => {
      handler({ proxy, source: source ? `${source.ip}:${source.port}` : 'unknown' })
    })
  }

  async close(): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) await undo()
  }

  #owned(service: LocalService): LocalService {
    this.#undo.push(() => service.close())
    return service
  }

  /** On port 7000, or any other where that is taken. */
  async #startServer(): Promise<Pick<StartedDemo, 'serverPort' | 'hasQuic'>> {
    for (const bindPort of [7000, 0]) {
      const { config } = serverConfigFromValues({ bindAddr: HOST, proxyBindAddr: HOST, bindPort })
      const server: Server = createServer(config, { log: this.#log })
      try {
        await server.start()
      } catch (error) {
        await server.close()
        if (!(error instanceof TunnelError) || error.code !== 'ADDRESS_IN_USE') throw error
        continue
      }
      this.#undo.push(() => server.close())
      const { tcp, quic } = server.addresses()
      if (tcp) return { serverPort: tcp.port, hasQuic: quic !== undefined }
    }
    throw new TunnelError('ADDRESS_IN_USE', `no port on ${HOST} is free for the server`)
  }

  async #startClient(path: string): Promise<void> {
    const setup = await loadClientConfig(path, { strict: true, env: {}, allowUnsafe: [] })
    const client = createClient(setup, { log: this.#log })
    this.#client = client
    this.#undo.push(() => client.close())
    const areUp = proxiesUp(
      client,
      setup.proxies.map(({ name }) => name),
    )
    // Whichever fails first is the reason; the other one must not be reported as unhandled.
    await Promise.all([client.start(), areUp])
  }
}

function proxiesUp(client: Client, names: readonly string[]): Promise<void> {
  const missing = new Set(names)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const text = `no answer about ${[...missing].join(', ')} within ${PROXY_TIMEOUT_MS} ms`
      reject(new TunnelError('TIMED_OUT', text))
    }, PROXY_TIMEOUT_MS)
    timer.unref()
    client.on('proxyUp', ({ name }) => {
      missing.delete(name)
      if (missing.size > 0) return
      clearTimeout(timer)
      resolve()
    })
    client.on('proxyDown', ({ name, error }) => {
      clearTimeout(timer)
      reject(new TunnelError('PROXY_REFUSED', `proxy ${name} did not start: ${error}`))
    })
  })
}

/** The file of the README, with the ports that are free here. */
function clientFile(ports: Pick<StartedDemo, 'serverPort' | 'ssh' | 'http'>): string {
  return `[common]
server_addr = ${HOST}
server_port = ${ports.serverPort}

[ssh]
type = tcp
local_ip = 127.0.0.1
local_port = ${ports.ssh.localPort}
remote_port = ${ports.ssh.publicPort}

[http]
type = tcp
local_ip = 127.0.0.1
local_port = ${ports.http.localPort}
remote_port = ${ports.http.publicPort}
`
}
