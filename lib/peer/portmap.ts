// Keeps the UDP port of the peer socket mapped on the router, as long as this lives: the shell
// around nat's port mapper. The datagrams to the router have a socket of their own; only the
// mapping is the peer socket's.

import { createSocket, type Socket } from 'node:dgram'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import type { Logger } from '../log.ts'
import {
  PortMapper,
  type Candidate,
  type IgdHttpRequest,
  type PortMapping,
  type ProtocolReport,
} from '../../nat/index.ts'
import { fetchFromGateway } from './gateway-http.ts'
import { findGateway, type Gateway } from './gateway.ts'

/** Where there was no gateway it is looked for again: a machine may start before its network. */
const NO_GATEWAY_MS = 60_000

/** Longest wait for the router to take a mapping back at the end, in milliseconds. */
const REMOVAL_TIMEOUT_MS = 1000

export interface PortMappingOptions {
  /** The UDP port of this machine that is to be reached. */
  readonly port: number
  readonly clock: Clock
  readonly log: Logger
  /** After each change of `mapping`. */
  readonly onChange?: () => void
  /** Default: the system's. */
  readonly findGateway?: () => Promise<Gateway | undefined>
  /** 0 <= x < 1. Default: Math.random; the ports are no secret, and the nonce only guards a LAN. */
  readonly random?: () => number
}

/** What a search for a mapping has found, for reports. */
export interface PortMappingReport {
  readonly gateway: string | undefined
  readonly mapping: PortMapping | undefined
  /** Best first; empty without a gateway. */
  readonly protocols: readonly ProtocolReport[]
}

export class PortMappingKeeper {
  readonly #options: PortMappingOptions
  readonly #ended = new AbortController()
  #run: MapperRun | undefined
  #gateway: Gateway | undefined
  #cancelRetry: (() => void) | undefined
  #closing: Promise<void> | undefined
  /** Resolves when the first search is over; within 5 s of `start`. Never rejects. */
  readonly settled: Promise<void>
  readonly #settle: () => void

  constructor(options: PortMappingOptions) {
    this.#options = options
    const { promise, resolve } = withResolvers()
    this.settled = promise
    this.#settle = resolve
  }

  /** Begins the search. Nothing is sent before. */
  start(): void {
    void this.#look()
  }

  get mapping(): PortMapping | undefined {
    return this.#run?.mapping
  }

  /** For an Offer: the mapped address, or nothing. Also a private one: it opens the first NAT. */
  get candidates(): readonly Candidate[] {
    const address = this.mapping?.external
    return address === undefined ? [] : [{ type: 'mapped', address }]
  }

  get report(): PortMappingReport {
    const { mapping } = this
    return {
      gateway: this.#gateway?.ip,
      mapping,
      protocols: this.#run?.protocols ?? [],
    }
  }

  /** Looks whether there is another gateway now; the mapping on the old one ends with its lease. */
  handleNetworkChange(): void {
    if (this.#closing === undefined) void this.#look()
  }

  /** Gives the mapping back, for at most a second. Safe to call twice; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#ended.abort()
    this.#cancelRetry?.()
    await this.#run?.remove()
    this.#settle()
  }

  async #look(): Promise<void> {
    this.#cancelRetry?.()
    const gateway = await (this.#options.findGateway ?? findGateway)()
    if (this.#ended.signal.aborted) return
    const isSame = gateway?.ip === this.#gateway?.ip && gateway?.localIp === this.#gateway?.localIp
    if (isSame && this.#run !== undefined) return
    this.#run?.drop()
    this.#run = undefined
    this.#gateway = gateway
    if (gateway === undefined) {
      this.#cancelRetry = this.#options.clock.after(NO_GATEWAY_MS, () => void this.#look())
      return this.#settle()
    }
    this.#run = new MapperRun(gateway, this.#options, this.#settle)
  }
}

/** One gateway's mapper with its socket. */
class MapperRun {
  readonly #options: PortMappingOptions
  readonly #gateway: Gateway
  readonly #mapper: PortMapper
  readonly #socket: Socket
  readonly #alarm: Alarm
  readonly #requests = new AbortController()
  readonly #onSettled: () => void
  readonly #removed: Promise<void>
  readonly #onRemoved: () => void
  #isOpen = false
  #isOver = false

  constructor(gateway: Gateway, options: PortMappingOptions, onSettled: () => void) {
    this.#options = options
    this.#gateway = gateway
    this.#onSettled = onSettled
    const { promise, resolve } = withResolvers()
    this.#removed = promise
    this.#onRemoved = resolve
    const { clock, port } = options
    const random = options.random ?? Math.random
    const { ip, localIp } = gateway
    this.#mapper = new PortMapper({ gateway: ip, localIp, internalPort: port, random }, clock.now())
    this.#alarm = new Alarm(clock, () => this.#drain())
    this.#socket = createSocket('udp4')
    this.#socket.on('message', (data, { address, port: from }) => this.#handle(data, address, from))
    // A network that went away: the machine sees silence, and its owner a change of the network.
    this.#socket.on('error', () => this.#settleWithout())
    this.#socket.bind({ address: localIp, port: 0, exclusive: true }, () => this.#begin())
    this.#socket.unref()
  }

  get mapping(): PortMapping | undefined {
    return this.#isOver ? undefined : this.#mapper.mapping
  }

  get protocols(): readonly ProtocolReport[] {
    return this.#mapper.reports
  }

  /** Gives the mapping back, then is over. */
  async remove(): Promise<void> {
    if (this.#isOpen && !this.#isOver) {
      this.#mapper.remove(this.#options.clock.now())
      this.#drain()
      const cancel = this.#options.clock.after(REMOVAL_TIMEOUT_MS, this.#onRemoved)
      // The clock's timers and the socket keep no process alive: this one does, until it is done.
      this.#socket.ref()
      await this.#removed
      cancel()
    }
    this.drop()
  }

  drop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onRemoved()
    this.#requests.abort()
    this.#alarm.set(undefined)
    this.#socket.close()
  }

  #begin(): void {
    if (this.#isOver) return
    this.#isOpen = true
    try {
      this.#socket.setMulticastInterface(this.#gateway.localIp)
    } catch {
      // Then the group is asked by way of the default route, and the gateway by its address.
    }
    this.#drain()
  }

  #settleWithout(): void {
    this.drop()
    this.#onSettled()
  }

  #handle(data: Buffer, ip: string, port: number): void {
    if (this.#isOver) return
    this.#mapper.handleDatagram(data, { ip, port }, this.#options.clock.now())
    this.#drain()
  }

  #drain(): void {
    for (;;) {
      if (this.#isOver) return
      const output = this.#mapper.poll(this.#options.clock.now())
      if (output === undefined) break
      switch (output.type) {
        case 'datagram':
          this.#send(output.data, output.to)
          break
        case 'http':
          void this.#fetch(output)
          break
        case 'changed':
          this.#tell(output.mapping)
          break
        case 'settled':
          this.#onSettled()
          break
        case 'removed':
          this.#onRemoved()
          break
        default:
          output satisfies never
      }
    }
    this.#alarm.set(this.#mapper.deadline())
  }

  #send(data: Buffer, { ip, port }: Address): void {
    // A failed send (no multicast here, no route) is one that nobody answers.
    this.#socket.send(data, port, ip, () => undefined)
  }

  async #fetch(request: IgdHttpRequest): Promise<void> {
    const { localIp } = this.#gateway
    const { signal } = this.#requests
    const response = await fetchFromGateway(request, { localIp, signal })
    if (this.#isOver) return
    this.#mapper.handleHttp(request.id, response, this.#options.clock.now())
    this.#drain()
  }

  #tell(mapping: PortMapping | undefined): void {
    const { log, port, onChange } = this.#options
    if (mapping) {
      const { external, protocol } = mapping
      log.info(`the router maps UDP port ${external.port} of ${external.ip} to ours, ${port}`, {
        protocol,
      })
    } else {
      log.info(`the router does not map UDP port ${port} any more`)
    }
    onChange?.()
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}
