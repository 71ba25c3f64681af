// The TCP transport (frp-wire.md §1.1-1.4, 1.9, 1.10): a listener that serves TLS, TLS behind
// frp's 0x17 byte, and plain links on one port, and a dialer. What is inside a link is decided by
// mux-session.ts and bare-session.ts.

import { setMaxListeners } from 'node:events'
import {
  connect,
  createServer,
  type Server as NetServer,
  type Socket,
  type TcpNetConnectOpts,
} from 'node:net'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { formatAddress, plainIp, type Address } from '../address.ts'
import { MAX_DELAY_MS } from '../clock.ts'
import { errorText, systemCode, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { BareClientSession, BareServerSession, type Connection } from './bare-session.ts'
import {
  classifyOpening,
  peekFirstBytes,
  PENDING_LIMITS,
  PendingConnections,
  type PendingLimits,
} from './bind-port.ts'
import { MuxedSession, type Ends } from './mux-session.ts'
import {
  clientRefusal,
  connectTls,
  createTlsServer,
  explainClient,
  type TlsClientOptions,
} from './tls.ts'
import type { Dialer, Listener, ListenerEvents, Session } from './transport.ts'

/** frp's `dialServerTimeout` and its deadline for the first bytes of a connection. */
const TIMEOUT_MS = 10_000
const KEEPALIVE_MS = 7_200_000
const MUX_KEEPALIVE_MS = 30_000

interface LinkOptions {
  /** transport.tcpMux; must be the same on both sides. */
  readonly mux: boolean
  /** A yamux ping this often. Default 30_000, as frp's tcpMuxKeepaliveInterval. */
  readonly muxKeepaliveMs?: number
  /**
   * TCP keepalive; negative is off. Default 7_200_000, as frp's tcpKeepalive and
   * dialServerKeepalive.
   */
  readonly keepaliveMs?: number
}

export interface TcpListenOptions extends LinkOptions {
  readonly address: Address
  readonly tls: {
    /** PEM. */
    readonly key: string
    readonly cert: string
    /** PEM. When set, TLS with a client certificate signed by it is the only way in. */
    readonly ca?: string
    /** Refuse links without TLS. */
    readonly force: boolean
  }
  /** Longest wait for the first byte, and again for the TLS handshake. Default 10_000. */
  readonly openingTimeoutMs?: number
  readonly pendingLimits?: PendingLimits
}

export interface TcpDialOptions extends LinkOptions {
  readonly host: string
  readonly port: number
  /** transport.connectServerLocalIP; '' or absent lets the system choose. */
  readonly localIp?: string
  /** TCP connect and TLS handshake together. Default 10_000, as frp's dialServerTimeout. */
  readonly connectTimeoutMs?: number
  /** Absent: no TLS. */
  readonly tls?: TlsClientOptions & {
    /** Send 0x17 before the handshake (disableCustomTLSFirstByte = false). */
    readonly customFirstByte?: boolean
  }
  readonly log?: Logger
}

/**
 * Opens the bind port. 0.0.0.0 and :: take IPv4 and IPv6, as frp. Rejects with ADDRESS_IN_USE, with
 * CONFIG_INVALID (an address that is not ours or not allowed) or TLS_FAILED. Closing the listener
 * leaves its sessions open.
 */
export async function listenTcp(
  options: TcpListenOptions,
  events: ListenerEvents,
): Promise<Listener> {
  const door = new Door(options, events)
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => door.admit(socket))
  const { ip, port } = options.address
  await listen(server, ip, port)
  const bound = server.address()
  const boundPort = bound !== null && typeof bound === 'object' ? bound.port : port
  return {
    protocol: 'tcp',
    address: { ip, port: boundPort },
    async close() {
      door.close()
      // The port is free at once; the callback of `close` would wait for the end of every session.
      server.close()
    },
  }
}

export function tcpDialer(options: TcpDialOptions): Dialer {
  const abort = new AbortController()
  // One for each dial that is under way; without mux those are many.
  setMaxListeners(0, abort.signal)
  const dialLink = (signal?: AbortSignal): Promise<Connection> =>
    dial(options, signal ? AbortSignal.any([signal, abort.signal]) : abort.signal)
  return {
    protocol: 'tcp',
    async dial({ signal } = {}) {
      const link = await dialLink(signal)
      if (!options.mux) return new BareClientSession(link, dialLink)
      return new MuxedSession(link.stream, link, {
        protocol: 'tcp',
        role: 'client',
        keepaliveMs: options.muxKeepaliveMs ?? MUX_KEEPALIVE_MS,
      })
    },
    /** Ends dials that are under way; sessions stay. */
    async close() {
      abort.abort()
    },
  }
}

/** Brings new connections to the point where they are sessions, or drops them. */
class Door {
  readonly #options: TcpListenOptions
  readonly #events: ListenerEvents
  readonly #tls: TlsServer
  readonly #pending: PendingConnections
  /**
   * Connections in the TLS handshake, by the peer's address and port: what TLS's events have in
   * common with ours.
   */
  readonly #handshakes = new Map<string, { readonly ends: Ends; readonly settle: () => void }>()
  readonly #opening = new Set<Socket>()

  constructor(options: TcpListenOptions, events: ListenerEvents) {
    this.#options = options
    this.#events = events
    this.#pending = new PendingConnections(options.pendingLimits ?? PENDING_LIMITS)
    this.#tls = createTlsServer(options.tls, this.#timeoutMs)
    this.#tls.on('secureConnection', socket => this.#secured(socket))
    this.#tls.on('tlsClientError', (error, socket) => {
      this.#refuse(socket, explainClient(error))
    })
  }

  get #timeoutMs(): number {
    return this.#options.openingTimeoutMs ?? TIMEOUT_MS
  }

  close(): void {
    for (const socket of this.#opening) socket.destroy()
  }

  admit(socket: Socket): void {
    const ends = endsOf(socket)
    const { ip } = ends.remoteAddress
    // Before it is a session, an error is the end of it and nothing more.
    socket.on('error', () => {})
    if (ip === '') {
      socket.destroy() // gone already
      return
    }
    const keepaliveMs = this.#options.keepaliveMs ?? KEEPALIVE_MS
    if (keepaliveMs > 0) socket.setKeepAlive(true, keepaliveMs)

    const remove = this.#pending.add(ip, () => {
      this.#events.log.debug(`connection from ${formatAddress(ends.remoteAddress)} makes room`)
      socket.destroy()
    })
    const timer = setTimeout(() => {
      this.#events.log.debug(`connection from ${formatAddress(ends.remoteAddress)} stays silent`)
      socket.destroy()
    }, this.#timeoutMs)
    timer.unref()
    this.#opening.add(socket)
    let isSettled = false
    const settle = (): void => {
      if (isSettled) return
      isSettled = true
      clearTimeout(timer)
      remove()
      this.#opening.delete(socket)
      this.#handshakes.delete(formatAddress(ends.remoteAddress))
      socket.off('close', settle)
    }
    socket.once('close', settle)
    void this.#classify(socket, ends, settle, timer)
  }

  async #classify(
    socket: Socket,
    ends: Ends,
    settle: () => void,
    timer: NodeJS.Timeout,
  ): Promise<void> {
    const bytes = await peekFirstBytes(socket)
    if (!bytes) {
      socket.destroy()
      return
    }
    const { mux, tls } = this.#options
    const rules = { mux, forceTls: tls.force || tls.ca !== undefined }
    const opening = classifyOpening(bytes, rules)
    switch (opening.type) {
      case 'foreign': {
        const level = opening.isFrp ? 'warn' : 'debug'
        const remote = formatAddress(ends.remoteAddress)
        this.#events.log[level](`connection from ${remote} dropped: ${opening.detail}`)
        socket.destroy()
        return
      }
      case 'plain':
        settle()
        this.#session({ stream: socket, ...ends })
        return
      case 'tls':
        if (opening.skip > 0) socket.read(opening.skip)
        clearTimeout(timer) // the TLS server has its own
        this.#handshakes.set(formatAddress(ends.remoteAddress), { ends, settle })
        this.#tls.emit('connection', socket)
        return
      default:
        opening satisfies never
    }
  }

  #secured(socket: TLSSocket): void {
    const handshake = this.#handshakes.get(formatAddress(endsOf(socket).remoteAddress))
    if (!handshake) {
      socket.destroy()
      return
    }
    handshake.settle()
    const refusal = this.#options.tls.ca === undefined ? undefined : clientRefusal(socket)
    if (refusal !== undefined) return this.#refuse(socket, refusal)
    this.#session({ stream: socket, ...handshake.ends })
  }

  #refuse(socket: TLSSocket, why: string): void {
    // A destroyed TLS socket has forgotten its peer; the TCP socket below it, which Node does not
    // type, has not.
    const { _parent: below = socket } = socket as { _parent?: Socket }
    const remote = formatAddress(endsOf(below).remoteAddress)
    this.#events.log.warn(`TLS with ${remote} failed: ${why}`)
    socket.destroy()
  }

  #session(connection: Connection): void {
    const { mux, muxKeepaliveMs } = this.#options
    const session: Session = mux
      ? new MuxedSession(connection.stream, connection, {
          protocol: 'tcp',
          role: 'server',
          keepaliveMs: muxKeepaliveMs ?? MUX_KEEPALIVE_MS,
        })
      : new BareServerSession(connection)
    this.#events.onSession(session)
  }
}

async function dial(options: TcpDialOptions, signal: AbortSignal): Promise<Connection> {
  const { host, port, tls, connectTimeoutMs = TIMEOUT_MS } = options
  const server = `${host}:${port}`
  if (signal.aborted) throw new TunnelError('ABORTED', `the dial to ${server} was aborted`)
  const socket = connect(connectOptions(options))
  let stopped: TunnelError | undefined
  const stop = (error: TunnelError): void => {
    stopped ??= error
    socket.destroy()
  }
  const onAbort = (): void => stop(new TunnelError('ABORTED', `the dial to ${server} was aborted`))
  const timer = setTimeout(() => {
    stop(new TunnelError('TIMED_OUT', `${server} does not answer within ${connectTimeoutMs} ms`))
  }, Math.min(connectTimeoutMs, MAX_DELAY_MS))
  signal.addEventListener('abort', onAbort)
  try {
    await connected(socket, server)
    const ends = endsOf(socket)
    if (!tls) return { stream: socket, ...ends }
    if (tls.customFirstByte === true) socket.write(Buffer.of(0x17))
    return { stream: await connectTls(socket, tls), ...ends }
  } catch (error) {
    socket.destroy()
    throw stopped ?? error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function connectOptions(options: TcpDialOptions): TcpNetConnectOpts {
  const { host, port, localIp = '', keepaliveMs = KEEPALIVE_MS } = options
  return {
    host,
    port,
    ...(localIp !== '' && { localAddress: localIp }),
    noDelay: true,
    allowHalfOpen: true,
    ...(keepaliveMs > 0 && { keepAlive: true, keepAliveInitialDelay: keepaliveMs }),
  }
}

function connected(socket: Socket, server: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('close', () => reject(new TunnelError('CONNECT_FAILED', `cannot reach ${server}`)))
    socket.on('error', error => {
      const detail = `cannot reach ${server}: ${connectFailure(error)}`
      reject(new TunnelError('CONNECT_FAILED', detail, { cause: error }))
    })
  })
}

/** Node tries several addresses of a name and joins their failures in an error without a text. */
function connectFailure(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ')
  return errorText(error)
}

/** As Go: the IPv4 wildcard means both families, where the machine has both. */
async function listen(server: NetServer, ip: string, port: number): Promise<void> {
  const isAny = ip === '0.0.0.0' || ip === '' || ip === '::'
  try {
    await listenOn(server, isAny ? '::' : ip, port)
  } catch (error) {
    const code = systemCode(error)
    if (isAny && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' || code === 'EINVAL')) {
      return listen4(server, port)
    }
    throw listenFailure(error, { ip, port })
  }
}

async function listen4(server: NetServer, port: number): Promise<void> {
  try {
    await listenOn(server, '0.0.0.0', port)
  } catch (error) {
    throw listenFailure(error, { ip: '0.0.0.0', port })
  }
}

function listenOn(server: NetServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject)
      // Accepting fails when descriptors run out; the next connection may succeed.
      server.on('error', () => {})
      resolve()
    })
  })
}

function listenFailure(error: unknown, address: Address): TunnelError {
  const where = `TCP port ${formatAddress(address)}`
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new TunnelError('ADDRESS_IN_USE', `${where} is taken by another program`, {
        cause: error,
      })
    case 'EACCES':
      return new TunnelError('CONFIG_INVALID', `${where} is not allowed for this user`, {
        cause: error,
      })
    case 'EADDRNOTAVAIL':
      return new TunnelError('CONFIG_INVALID', `${where} is not an address of this machine`, {
        cause: error,
      })
    default:
      return new TunnelError('CONFIG_INVALID', `${where}: ${errorText(error)}`, { cause: error })
  }
}

function endsOf(socket: Socket): Ends {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  return {
    localAddress: { ip: plainIp(localAddress ?? ''), port: localPort ?? 0 },
    remoteAddress: { ip: plainIp(remoteAddress ?? ''), port: remotePort ?? 0 },
  }
}
