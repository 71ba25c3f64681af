// Asks STUN servers about the network on the sockets of a peer port: the shell of nat/discover.ts.
// It resolves names, opens the throw-away sockets and knows this machine's own addresses.

import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import {
  Discoverer,
  type Discovery,
  type DiscovererOutput,
  type FilterTestReply,
  type StunServer,
} from '../../nat/index.ts'
import { plainIp } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { interfaceAddresses } from '../interfaces.ts'
import type { Logger } from '../log.ts'
import type { PeerPort } from './port.ts'

export type { FilterTestReply } from '../../nat/index.ts'

/** As in the config or the server's LoginResp; a name is resolved to all its addresses. */
export interface StunServerName {
  readonly host: string
  readonly port: number
  /** Another STUN port of the same host (LoginResp of ours). */
  readonly otherPort?: number
  /** Ours, and its session answers `requestFilterTest`. */
  readonly hasFilterTest?: boolean
}

export interface DiscoverOptions {
  /** Whose socket 0 is asked about. It stays open. */
  readonly port: PeerPort
  readonly servers: readonly StunServerName[]
  readonly clock: Clock
  readonly log: Logger
  /**
   * Asks frps over the control channel to answer this transaction from elsewhere, too. Resolves
   * with what it sent, or undefined where it cannot.
   */
  readonly requestFilterTest?: (transactionId: string) => Promise<FilterTestReply | undefined>
  /** The gateway's own outer address, where port mapping knows it. */
  readonly gatewayIp?: string | undefined
  /** No addresses of interfaces among the candidates (frp's disableAssistedAddrs). */
  readonly hidesHosts?: boolean
  /** `mapping`: only what servers see of socket 0, without throw-away sockets. Default `all`. */
  readonly tests?: 'all' | 'mapping'
  /** What is known already, each time that it is more: candidates come after one round trip. */
  readonly onUpdate?: (discovery: Discovery) => void
  readonly signal?: AbortSignal
}

/** What a STUN server listens on where nothing else is said (RFC 8489 §18.6). */
const STUN_PORT = 3478
/** Longest wait for names; frp's own default server is one. */
const LOOKUP_MS = 2_000

/**
 * Takes one round trip and, for tests that have no answer, up to a second. Without any answer the
 * profile says `udp: false`, after 2.3 s. A name that cannot be resolved is logged and passed over.
 * Rejects with ABORTED only.
 */
export async function discoverNat(options: DiscoverOptions): Promise<Discovery> {
  const { signal } = options
  checkAborted(signal)
  const servers = await resolveAll(options)
  checkAborted(signal)
  return await new Run(options, servers).result
}

/** `host:port`, several separated by commas or spaces; without a port it is 3478. */
export function parseStunServers(text: string): StunServerName[] {
  return text
    .split(/[\s,]+/)
    .filter(part => part !== '')
    .map(part => {
      if (isIP(part) !== 0) return { host: part, port: STUN_PORT }
      const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(part)
      const host = match?.[1] ?? match?.[2] ?? part
      return { host, port: match?.[3] === undefined ? STUN_PORT : Number(match[3]) }
    })
}

/** One discovery, from its first packet to its end. */
class Run {
  readonly result: Promise<Discovery>
  readonly #options: DiscoverOptions
  readonly #machine: Discoverer
  readonly #alarm: Alarm
  readonly #opened: number[] = []
  #settle: { resolve: (discovery: Discovery) => void; reject: (error: TunnelError) => void }
  #isOver = false
  readonly #unlisten: () => void
  readonly #onAbort = (): void => {
    this.#end()
    this.#settle.reject(aborted())
  }

  constructor(options: DiscoverOptions, servers: readonly StunServer[]) {
    const { port, clock, gatewayIp, hidesHosts = false, tests = 'all', signal } = options
    this.#options = options
    this.#settle = { resolve: ignore, reject: ignore }
    this.result = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    this.#alarm = new Alarm(clock, () => this.#drive())
    this.#machine = new Discoverer(
      {
        servers,
        localPort: port.address.port,
        interfaces: interfaceAddresses(),
        random: randomBytes,
        tests,
        gatewayIp,
        hidesHosts,
      },
      clock.now(),
    )
    this.#unlisten = port.listen((socket, data, from) => {
      const isOurs = this.#machine.handleDatagram(socket, data, from, clock.now())
      if (isOurs) this.#drive()
      return isOurs
    })
    signal?.addEventListener('abort', this.#onAbort)
    this.#drive()
  }

  #drive(): void {
    const { clock } = this.#options
    for (;;) {
      if (this.#isOver) return
      const output = this.#machine.poll(clock.now())
      if (output === undefined) break
      this.#perform(output)
    }
    this.#alarm.set(this.#machine.deadline())
  }

  #perform(output: DiscovererOutput): void {
    const { port, clock, log, onUpdate } = this.#options
    switch (output.type) {
      case 'send':
        // What cannot be sent has no answer.
        port.send(output.socket, output.data, output.to)
        return
      case 'open-sockets':
        void this.#openSockets(output.count)
        return
      case 'ask-filter-test':
        void this.#requestFilterTest(output.transactionId)
        return
      case 'update':
        onUpdate?.(this.#machine.discovery(clock.now()))
        return
      case 'done': {
        const discovery = this.#machine.discovery(clock.now())
        this.#end()
        log.debug(`NAT discovery took ${Math.round(discovery.tookMs)} ms`)
        this.#settle.resolve(discovery)
        return
      }
      default:
        output satisfies never
    }
  }

  async #openSockets(count: number): Promise<void> {
    const { port, clock } = this.#options
    const numbers = await port.openExtra(count)
    if (this.#isOver) {
      port.closeExtra(numbers)
      return
    }
    this.#opened.push(...numbers)
    const sockets = numbers.map(number => ({ number, port: port.portOf(number) }))
    this.#machine.handleSockets(sockets, clock.now())
    this.#drive()
  }

  async #requestFilterTest(transactionId: string): Promise<void> {
    const { clock, log, requestFilterTest } = this.#options
    let reply: FilterTestReply | undefined
    try {
      reply = await requestFilterTest?.(transactionId)
    } catch (error) {
      log.debug(`the server does not test the filter: ${errorDetail(error)}`)
    }
    if (this.#isOver) return
    this.#machine.handleFilterReply(reply, clock.now())
    this.#drive()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#alarm.set(undefined)
    this.#unlisten()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#options.port.closeExtra(this.#opened)
  }
}

/** One IPv4 and one IPv6 address of each name, as far as the port reaches them. */
async function resolveAll(options: DiscoverOptions): Promise<StunServer[]> {
  const resolved = await Promise.all(options.servers.map(server => resolve(server, options)))
  return resolved.flat()
}

async function resolve(
  { host, port, otherPort, hasFilterTest = false }: StunServerName,
  { port: peerPort, clock, log }: DiscoverOptions,
): Promise<StunServer[]> {
  const ips = isIP(host) === 0 ? await lookUp(host, clock, log) : [plainIp(host)]
  const ipv4 = ips.find(ip => !ip.includes(':'))
  const ipv6 = peerPort.isDualStack ? ips.find(ip => ip.includes(':')) : undefined
  return [ipv4, ipv6]
    .filter(ip => ip !== undefined)
    .map(ip => ({
      address: { ip, port },
      ...(otherPort !== undefined && { otherPort }),
      hasFilterTest,
    }))
}

async function lookUp(host: string, clock: Clock, log: Logger): Promise<string[]> {
  let cancel: () => void = ignore
  const timeout = new Promise<never>((_, reject) => {
    const late = new TunnelError('TIMED_OUT', 'no answer from DNS')
    cancel = clock.after(LOOKUP_MS, () => reject(late))
  })
  try {
    const found = await Promise.race([lookup(host, { all: true }), timeout])
    return found.map(({ address }) => address)
  } catch (error) {
    log.warn(`the STUN server ${host} cannot be resolved: ${errorDetail(error)}`)
    return []
  } finally {
    cancel()
  }
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted()
}

function aborted(): TunnelError {
  return new TunnelError('ABORTED', 'the discovery was given up')
}

function ignore(): void {}
