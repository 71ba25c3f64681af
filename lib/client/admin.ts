// What a running client tells about itself over HTTP, for `frpc status`, `frpc peers` and whoever
// watches it: the read-only part of frp's admin API (frp-surface.md §6.1, §6.2), and our own
// /api/peers.

import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { WebServerConfig } from '../config/index.ts'
import { errorText, systemCode, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Client } from './client.ts'

/** frp's. */
const TIMEOUT_MS = 60_000
const REFUSAL_DELAY_MS = 200
/** Requests are small; more is refused by Node. */
const MAX_HEADER_BYTES = 8_192
const MAX_CONNECTIONS = 64

export interface Admin {
  readonly port: number
  close(): Promise<void>
}

type Route = (client: Client) => unknown

const ROUTES: Readonly<Record<string, Route>> = {
  '/api/status': client => statusOf(client),
  '/api/peers': client => ({ peers: client.peers() }),
}

/**
 * Listens on webServer.addr and port. Rejects with ADDRESS_IN_USE, or CONFIG_INVALID for an address
 * that is not ours.
 */
export async function openAdmin(
  client: Client,
  { addr, port, user, password }: WebServerConfig,
  log: Logger,
): Promise<Admin> {
  const isAllowed = basicAuth(user, password.reveal())
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    answer(client, request, { response, isAllowed, log })
  })
  server.requestTimeout = TIMEOUT_MS
  server.maxConnections = MAX_CONNECTIONS
  await listen(server, { addr, port })
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Answering {
  readonly response: ServerResponse
  readonly isAllowed: (request: IncomingMessage) => boolean
  readonly log: Logger
}

function answer(
  client: Client,
  request: IncomingMessage,
  { response, isAllowed, log }: Answering,
): void {
  request.resume()
  const path = (request.url ?? '').split('?', 1)[0] ?? ''
  const end = (status: number, body = '', type = 'text/plain; charset=utf-8'): void => {
    if (response.destroyed) return
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
    response.end(body)
  }
  if (path === '/healthz') return end(200)
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined
  if (route === undefined) return end(404, '404 page not found\n')
  if (!isAllowed(request)) {
    response.setHeader('WWW-Authenticate', 'Basic realm="Restricted"')
    // Guessing takes its time.
    setTimeout(() => end(401, 'Unauthorized\n'), REFUSAL_DELAY_MS).unref()
    return
  }
  if (request.method !== 'GET') return end(405)
  log.debug(`http request: [${path}]`)
  end(200, `${goJson(route(client))}\n`, 'application/json')
}

/** As Go writes it: no spaces, and nothing that a browser takes for a tag. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Type to rows, sorted by name; nothing before the first login. */
function statusOf(client: Client): Readonly<Record<string, unknown[]>> {
  const groups: Record<string, unknown[]> = {}
  for (const { name, type, phase, error, localAddr, remoteAddr } of client.status()) {
    const row = {
      name,
      type,
      status: phase,
      err: error,
      local_addr: localAddr,
      plugin: '',
      remote_addr: error === '' ? remoteAddr : '',
    }
    groups[type] = [...(groups[type] ?? []), row]
  }
  return groups
}

/** Where neither is set, everybody may ask. */
function basicAuth(user: string, password: string): (request: IncomingMessage) => boolean {
  if (user === '' && password === '') return () => true
  const right = digest(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`)
  return ({ headers }) => timingSafeEqual(digest(headers.authorization ?? ''), right)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function listen(
  server: Server,
  { addr, port }: { readonly addr: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: unknown) => {
      const place = `webServer ${addr}:${port}`
      const isTaken = systemCode(cause) === 'EADDRINUSE'
      reject(
        isTaken
          ? new TunnelError('ADDRESS_IN_USE', `${place}: the port is taken`, { cause })
          : new TunnelError('CONFIG_INVALID', `${place}: ${errorText(cause)}`, { cause }),
      )
    })
    server.listen({ host: addr, port }, () => resolve())
    // It tells about the client and does not keep it alive.
    server.unref()
  })
}
