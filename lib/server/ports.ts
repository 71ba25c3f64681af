// The ports that proxies may have: what allowPorts permits, who has which, which one a name had
// before. Sans-IO: whether a port is free on this machine is found out by binding it, which is the
// driver's part. Rules and texts of frp (frp-wire.md section 9.1, frp-surface.md section 4.3).

import type { PortRange } from '../config/index.ts'
import { TunnelError } from '../errors.ts'

export interface PortTableOptions {
  /** Empty = 1..65535. */
  readonly allowPorts: readonly PortRange[]
  /** 0 <= value < 1. */
  readonly random: () => number
}

/** How many ports are tried for remotePort 0, beside the one that the name had before. */
const RANDOM_TRIES = 5

/** How long a name finds its port again when it asks for remotePort 0. */
const REMEMBER_MS = 24 * 60 * 60 * 1000

/** Names remembered at most; the oldest are forgotten. About 1 MB. */
const MAX_REMEMBERED = 10_000

/** Port numbers of one kind (TCP or UDP) of the whole server. Times in milliseconds. */
export class PortTable {
  readonly #ranges: readonly PortRange[]
  readonly #random: () => number
  readonly #owners = new Map<number, string>()
  /** In order of release, the oldest first. `since` is undefined while the name has the port. */
  readonly #remembered = new Map<string, { readonly port: number; readonly since?: number }>()

  constructor({ allowPorts, random }: PortTableOptions) {
    this.#ranges = allowPorts.length > 0 ? allowPorts : [{ start: 1, end: 65_535 }]
    this.#random = random
  }

  /**
   * The ports to try to bind for `requested`, in order; never empty. Throws PORT_NOT_ALLOWED or
   * PORT_UNAVAILABLE.
   */
  candidates(name: string, requested: number, now: number): number[] {
    if (requested !== 0) {
      if (this.#owners.has(requested)) {
        throw new TunnelError('PORT_UNAVAILABLE', 'port already used')
      }
      if (!this.#isAllowed(requested)) {
        throw new TunnelError('PORT_NOT_ALLOWED', 'port not allowed')
      }
      return [requested]
    }
    const ports = this.#randomFree()
    const before = this.#remembered.get(name)
    if (before !== undefined && this.#isFree(before.port)) {
      const isFresh = before.since === undefined || now - before.since < REMEMBER_MS
      if (isFresh) return [before.port, ...ports.filter(port => port !== before.port)]
    }
    if (ports.length === 0) throw new TunnelError('PORT_UNAVAILABLE', 'no available port')
    return ports
  }

  /** The driver could bind none of the candidates. */
  refusal(requested: number): TunnelError {
    const text = requested === 0 ? 'no available port' : 'port unavailable'
    return new TunnelError('PORT_UNAVAILABLE', text)
  }

  /**
   * Before the driver tries to bind, so that nobody else tries the same. False when it is no longer
   * free.
   */
  claim(port: number, name: string): boolean {
    if (this.#owners.has(port)) return false
    this.#owners.set(port, name)
    return true
  }

  /** The port could not be bound. */
  unclaim(port: number): void {
    this.#owners.delete(port)
  }

  /** The port was bound and is in use. */
  handleBound(port: number): void {
    const name = this.#owners.get(port)
    if (name !== undefined) this.#remember(name, { port })
  }

  /** The port is closed. */
  release(port: number, now: number): void {
    const name = this.#owners.get(port)
    if (name === undefined) return
    this.#owners.delete(port)
    this.#remember(name, { port, since: now })
  }

  #remember(name: string, entry: { port: number; since?: number }): void {
    this.#remembered.delete(name)
    this.#remembered.set(name, entry)
    if (this.#remembered.size <= MAX_REMEMBERED) return
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest)
      break
    }
  }

  #isAllowed(port: number): boolean {
    return this.#ranges.some(({ start, end }) => start <= port && port <= end)
  }

  #isFree(port: number): boolean {
    return this.#isAllowed(port) && !this.#owners.has(port)
  }

  /**
   * Different ports, drawn evenly. Counting out all of them takes 0.3 ms and happens once for a
   * proxy.
   */
  #randomFree(): number[] {
    const free: number[] = []
    const seen = new Set<number>()
    for (const { start, end } of this.#ranges) {
      for (let port = Math.max(1, start); port <= Math.min(65_535, end); port++) {
        if (this.#owners.has(port) || seen.has(port)) continue
        if (this.#ranges.length > 1) seen.add(port)
        free.push(port)
      }
    }
    const drawn: number[] = []
    while (drawn.length < RANDOM_TRIES && free.length > 0) {
      const index = Math.floor(this.#random() * free.length)
      const port = free[index]
      if (port === undefined) break
      free[index] = free[free.length - 1] ?? port
      free.pop()
      drawn.push(port)
    }
    return drawn
  }
}
