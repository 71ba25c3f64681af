// Asks STUN servers which address they see of a socket: twice, from two addresses of theirs, as
// frp's exchange wants it (frp-wire.md section 7.2). A second server serves where the first has
// only one address, which a real frpc cannot use.

import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIPv4 } from 'node:net'
import { type Address, formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import { TunnelError } from '../errors.ts'
import { interfaceAddresses } from '../interfaces.ts'
import { decodeStun, type TransactionAnswer, Transactions } from '../../nat/stun/index.ts'
import type { HoleSockets } from './hole-sockets.ts'

export interface FindOptions {
  /** `host:port`, or `host` with 3478; those that are asked first come first. */
  readonly servers: readonly string[]
  readonly clock: Clock
  readonly signal: AbortSignal
}

const STUN_PORT = 3478
/** More than two are of use only where one is down. */
const MAX_SERVERS = 4
/**
 * A server that has not answered by then is left to the next one, too. Not all at once: each of
 * them takes a port of a hard NAT, and the last port that is known shall be the last that was
 * taken.
 */
const NEXT_SERVER_MS = 250
/** As frp sends. */
const MAX_LOCAL = 10

/**
 * Two addresses at least, in the order in which the NAT gave them. Rejects with TIMED_OUT (no
 * answer to UDP), CONNECT_FAILED (no second address) or ABORTED. Uses the sockets' listener
 * meanwhile.
 */
export function findAddresses(
  sockets: HoleSockets,
  options: FindOptions,
): Promise<readonly Address[]> {
  return new Promise((resolve, reject) => {
    new Finding(sockets, options, { resolve, reject }).start()
  })
}

interface Settle {
  resolve(mapped: readonly Address[]): void
  reject(error: TunnelError): void
}

class Finding {
  readonly #sockets: HoleSockets
  readonly #options: FindOptions
  readonly #settle: Settle
  readonly #transactions = new Transactions({ random: randomBytes })
  readonly #alarm: Alarm
  readonly #answers: TransactionAnswer[] = []
  readonly #asked = new Set<string>()
  /** Servers that are not asked yet, and when the next one is. */
  readonly #left: string[]
  #nextAt = 0
  /** Questions, to name servers too, that may still be answered. */
  #open = 0
  #isOver = false
  readonly #onAbort = (): void =>
    this.#fail(new TunnelError('ABORTED', 'hole punching was given up'))

  constructor(sockets: HoleSockets, options: FindOptions, settle: Settle) {
    this.#sockets = sockets
    this.#options = options
    this.#settle = settle
    this.#left = options.servers.slice(0, MAX_SERVERS)
    this.#alarm = new Alarm(options.clock, () => this.#drain())
  }

  start(): void {
    const { clock, signal } = this.#options
    signal.addEventListener('abort', this.#onAbort)
    if (signal.aborted) {
      this.#onAbort()
      return
    }
    this.#sockets.listen((socket, data, from) => {
      const message = decodeStun(data)
      if (message === undefined) return false
      this.#transactions.handleMessage(socket, message, from, clock.now())
      this.#drain()
      return true
    })
    this.#askNext()
    if (!this.#decide()) this.#drain()
  }

  #askNext(): void {
    const next = this.#left.shift()
    this.#nextAt = this.#options.clock.now() + NEXT_SERVER_MS
    const { host, port } = parseServer(next ?? '')
    if (isIPv4(host)) this.#ask({ ip: host, port })
    else if (host !== '') void this.#askByName(host, port)
  }

  /** A name server that is slow holds nobody up: the next server is asked meanwhile. */
  async #askByName(host: string, port: number): Promise<void> {
    this.#open++
    // A name that is wrong, or has only IPv6: the others may do.
    const found = await lookup(host, { family: 4 }).catch(() => undefined)
    this.#open--
    if (this.#isOver) return
    if (found !== undefined) this.#ask({ ip: found.address, port })
    if (!this.#decide()) this.#drain()
  }

  #ask(to: Address): void {
    const key = formatAddress(to)
    if (this.#asked.has(key)) return
    this.#asked.add(key)
    this.#open++
    // PADDING, which an answer of ours would be measured by, is an unknown attribute to many.
    this.#transactions.start({ socket: 0, to, padding: 0 }, this.#options.clock.now())
  }

  #drain(): void {
    const { clock } = this.#options
    if (this.#left.length > 0 && clock.now() >= this.#nextAt) this.#askNext()
    for (;;) {
      const output = this.#transactions.poll(clock.now())
      if (output === undefined) break
      if (output.type === 'send') {
        this.#sockets.send(output.socket, output.data, output.to)
        continue
      }
      this.#open--
      if (output.type === 'answer') this.#handleAnswer(output)
      if (this.#decide()) return
    }
    const deadline = this.#transactions.deadline() ?? Infinity
    const at = this.#left.length > 0 ? Math.min(this.#nextAt, deadline) : deadline
    this.#alarm.set(at === Infinity ? undefined : at)
  }

  #handleAnswer(answer: TransactionAnswer): void {
    this.#answers.push(answer)
    const { other, server } = answer
    const hasOther = other !== undefined && isIPv4(other.ip)
    if (this.#answers.length !== 1) return
    if (hasOther && formatAddress(other) !== formatAddress(server)) this.#ask(other)
    else this.#askNext()
  }

  /** True when it is over. */
  #decide(): boolean {
    if (this.#answers.length >= 2) {
      this.#end()
      this.#settle.resolve(this.#answers.map(({ mapped }) => mapped))
      return true
    }
    while (this.#open === 0 && this.#left.length > 0) this.#askNext()
    if (this.#open > 0) return false
    const [only] = this.#answers
    if (this.#asked.size === 0) {
      const list = this.#options.servers.join(', ')
      const detail = `no STUN server of natHoleStunServer (${list}) has an address: is its name right?`
      this.#fail(new TunnelError('CONNECT_FAILED', detail))
      return true
    }
    this.#fail(
      only === undefined
        ? new TunnelError('TIMED_OUT', 'no STUN server answers: is UDP blocked in this network?')
        : new TunnelError(
            'CONNECT_FAILED',
            `the STUN server ${formatAddress(only.server)} has no second address: ` +
              'name a second server in natHoleStunServer, separated by a comma',
          ),
    )
    return true
  }

  #fail(error: TunnelError): void {
    this.#end()
    this.#settle.reject(error)
  }

  #end(): void {
    this.#isOver = true
    this.#alarm.set(undefined)
    this.#sockets.listen(undefined)
    this.#options.signal.removeEventListener('abort', this.#onAbort)
  }
}

/** An empty host for what is none. */
function parseServer(text: string): { readonly host: string; readonly port: number } {
  const [, host = '', digits = `${STUN_PORT}`] = /^([^:]*)(?::(\d{1,5}))?$/.exec(text.trim()) ?? []
  const port = Number(digits)
  return port < 1 || port > 65_535 ? { host: '', port: 0 } : { host, port }
}

/** What this machine's interfaces have, as frp offers it to peers in the same network. */
export function localIps(): string[] {
  return interfaceAddresses()
    .filter(({ ip, isInternal }) => isIPv4(ip) && !isInternal && !ip.startsWith('169.254.'))
    .slice(0, MAX_LOCAL)
    .map(({ ip }) => ip)
}
