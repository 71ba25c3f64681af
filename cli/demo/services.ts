// The two services behind the demonstration's tunnel, on loopback: one that greets like an SSH
// server and then echoes, and one web page. They stand in for the sshd and the web server of the
// README's frpc.ini.

import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { listenNear } from './ports.ts'

export interface LocalService {
  readonly port: number
  /** Cuts open connections. */
  close(): Promise<void>
}

export const BANNER = 'SSH-2.0-quicfrp_demo'
export const PAGE_TITLE = 'Hello from behind the tunnel'

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>${PAGE_TITLE}</title>
<body style="font: 1.1rem/1.6 system-ui; max-width: 34rem; margin: 4rem auto; padding: 0 1rem">
<h1>${PAGE_TITLE}</h1>
<p>This page is served by a web server that listens on 127.0.0.1 only. You reached it through
the public port of frps, a QUIC stream, and frpc.</p>
`

export function startEchoService(): Promise<LocalService> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    // A visitor that resets its connection is nobody's problem here.
    socket.on('error', () => undefined)
    socket.write(`${BANNER}\r\n`)
    socket.pipe(socket)
  })
  return started(server, 22)
}

export function startPageService(): Promise<LocalService> {
  const server = createHttpServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE)
  })
  return started(server, 80)
}

async function started(server: Server, preferredPort: number): Promise<LocalService> {
  const open = new Set<Socket>()
  server.on('connection', socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  const port = await listenNear(server, preferredPort)
  return {
    port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}
