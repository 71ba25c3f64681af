// What a new connection on the bind port is, told by its first bytes, and how many strangers may be
// in that state. Each connection is looked at on its own: in real frps one silent peer holds up all
// others (frp-wire.md §10.3).

import type { Socket } from 'node:net'
import { describeBytes } from '../mux/index.ts'

const TLS_HANDSHAKE = 0x16
const FRP_TLS = 0x17
const YAMUX_VERSION = 0x00

/**
 * The type bytes of wire v1 messages that may come first on a stream: Login, NewWorkConn,
 * NewVisitorConn.
 */
const FIRST_MESSAGES = new Set([0x6f, 0x77, 0x76])

export type Opening =
  /** `skip` bytes come before the handshake. */
  | { readonly type: 'tls'; readonly skip: 0 | 1 }
  | { readonly type: 'plain' }
  /** To be dropped; `detail` says what came. `isFrp`: a mistake of a user, not a stranger. */
  | { readonly type: 'foreign'; readonly detail: string; readonly isFrp: boolean }

export interface OpeningRules {
  readonly mux: boolean
  readonly forceTls: boolean
}

/** `bytes` holds at least one. */
export function classifyOpening(bytes: Buffer, { mux, forceTls }: OpeningRules): Opening {
  const first = bytes[0] ?? 0
  if (first === TLS_HANDSHAKE) return { type: 'tls', skip: 0 }
  if (first === FRP_TLS) return { type: 'tls', skip: 1 }
  const isMux = first === YAMUX_VERSION
  if (!isMux && !FIRST_MESSAGES.has(first)) {
    return foreign(`it does not speak frp: ${describeBytes(bytes)}`, false)
  }
  if (forceTls) return foreign('it speaks frp without TLS, and transport.tls.force is set', true)
  if (isMux && !mux) return foreign('it has transport.tcpMux on, and here it is off', true)
  if (!isMux && mux) return foreign('it has transport.tcpMux off, and here it is on', true)
  return { type: 'plain' }
}

function foreign(detail: string, isFrp: boolean): Opening {
  return { type: 'foreign', detail, isFrp }
}

/**
 * Waits for the first bytes and leaves them in the socket. Resolves with undefined when the peer
 * ends or breaks the connection before it sends any; the caller bounds the time by destroying the
 * socket.
 */
export function peekFirstBytes(socket: Socket): Promise<Buffer | undefined> {
  return new Promise(resolve => {
    const done = (bytes: Buffer | undefined): void => {
      socket.off('readable', onReadable)
      socket.off('close', onClose)
      resolve(bytes)
    }
    const onReadable = (): void => {
      // Node gives a Buffer here, or null at the end.
      const bytes = socket.read() as Buffer | null
      if (bytes) socket.unshift(bytes)
      done(bytes ?? undefined)
    }
    const onClose = (): void => done(undefined)
    socket.on('readable', onReadable)
    socket.on('close', onClose)
  })
}

export interface PendingLimits {
  readonly perIp: number
  readonly total: number
}

/**
 * A thousand clients behind one address may come back at once when a server is restarted; more are
 * strangers.
 */
export const PENDING_LIMITS: PendingLimits = { perIp: 1024, total: 4096 }

/**
 * Connections that have not shown yet what they are. Past a limit the oldest goes: an honest one
 * takes milliseconds, so whoever has waited longest is the least likely to be honest.
 */
export class PendingConnections {
  readonly #limits: PendingLimits
  readonly #all = new Set<Pending>()
  readonly #byIp = new Map<string, Set<Pending>>()

  constructor(limits: PendingLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#all.size
  }

  /**
   * `evict` is called when others need the room. The returned function says that the connection is
   * settled.
   */
  add(ip: string, evict: () => void): () => void {
    const pending: Pending = { ip, evict }
    const siblings = this.#byIp.get(ip) ?? new Set()
    this.#byIp.set(ip, siblings)
    this.#all.add(pending)
    siblings.add(pending)
    if (siblings.size > this.#limits.perIp) this.#evictOldest(siblings)
    if (this.#all.size > this.#limits.total) this.#evictOldest(this.#all)
    return () => this.#remove(pending)
  }

  #evictOldest(set: Set<Pending>): void {
    for (const oldest of set) {
      this.#remove(oldest)
      oldest.evict()
      return
    }
  }

  #remove(pending: Pending): void {
    this.#all.delete(pending)
    const siblings = this.#byIp.get(pending.ip)
    siblings?.delete(pending)
    if (siblings?.size === 0) this.#byIp.delete(pending.ip)
  }
}

interface Pending {
  readonly ip: string
  readonly evict: () => void
}
