// UPnP-IGD towards one gateway: looks for it, reads its description, maps a port, renews, looks
// after it, removes it. Sans-IO: datagrams and HTTP requests are given out.
//
// Only answers and URLs of the gateway itself count (ssdp.ts): a mapping on any other box would not
// lie on the way to the internet, and any device of the LAN could have us fetch what it likes.

import type { Address } from '../../lib/address.ts'
import { externalIpOf, faultOf, servicesOf, soapRequest, type IgdService } from './igd.ts'
import type { MappingClient } from './mapping-client.ts'
import { SSDP_GROUP, SSDP_TARGETS, decodeAnswer, encodeSearch } from './ssdp.ts'
import { LEASE_SECONDS, TRUST_MS, type PortMapping, type ProtocolReport } from './types.ts'

/** When the search is sent, and when it counts as unanswered: MX lets answers take 1 s. */
const SEARCH_AT_MS: readonly number[] = [0, 300]
const SEARCH_PATIENCE_MS = 1500

/** Descriptions that are read: a router may have one for each of its versions. */
const MAX_DESCRIPTIONS = 4

/** External ports that are tried when the first one is somebody else's. */
const MAX_PORT_TRIES = 4

/** SOAP faults (WANIPConnection:2 §2.5). */
const CONFLICTS: ReadonlySet<number> = new Set([718, 729])
const ONLY_PERMANENT = 725
const NO_SUCH_ENTRY = 714
const NOT_AUTHORIZED = 606

export interface IgdHttpRequest {
  readonly type: 'http'
  /** To be named with the answer. */
  readonly id: number
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface IgdHttpResponse {
  readonly status: number
  /** At most MAX_DOCUMENT_BYTES. */
  readonly body: string
}

export type IgdOutput =
  | { readonly type: 'datagram'; readonly to: Address; readonly data: Buffer }
  | IgdHttpRequest

export interface IgdClientOptions {
  readonly gateway: string
  /** The address of this machine on the gateway's network. */
  readonly localIp: string
  readonly internalPort: number
  /** 0 <= x < 1. */
  readonly random: () => number
}

type Step =
  | { readonly type: 'describe'; readonly url: string }
  | { readonly type: 'address'; readonly service: IgdService }
  | { readonly type: 'add' }
  | { readonly type: 'check' }
  | { readonly type: 'delete' }

interface Lease {
  readonly expiresAt: number
  readonly renewAt: number
  readonly checkAt: number
}

/** Times in milliseconds. */
export class IgdClient implements MappingClient<IgdOutput> {
  readonly #options: IgdClientOptions
  readonly #startedAt: number
  #searches = 0
  #phase: ProtocolReport['phase'] = 'probing'
  #reason: string | undefined
  #externalIp: string | undefined
  #service: IgdService | undefined
  readonly #described = new Set<string>()
  readonly #out: IgdOutput[] = []
  /** What is to be tried before the search is over: descriptions, and services that they named. */
  #ahead: Step[] = []
  #step: { readonly id: number; readonly step: Step } | undefined
  #lastId = 0
  #externalPort: number
  #portTries = 0
  #leaseSeconds = LEASE_SECONDS
  #lease: Lease | undefined
  #isUnmapping = false

  constructor(options: IgdClientOptions, now: number) {
    this.#options = options
    this.#startedAt = now
    this.#externalPort = options.internalPort
  }

  get report(): ProtocolReport {
    return {
      protocol: 'upnp',
      phase: this.#phase,
      reason: this.#reason,
      externalIp: this.#externalIp,
    }
  }

  get mapping(): PortMapping | undefined {
    if (this.#phase !== 'mapped' || this.#externalIp === undefined) return undefined
    return {
      protocol: 'upnp',
      internalPort: this.#options.internalPort,
      external: { ip: this.#externalIp, port: this.#externalPort },
    }
  }

  get isUnmapping(): boolean {
    return this.#isUnmapping
  }

  map(): void {
    if (this.#phase !== 'available') return
    this.#phase = 'mapping'
    this.#ask({ type: 'add' })
  }

  unmap(): void {
    const isAdding = this.#step?.step.type === 'add'
    if (this.#lease === undefined && !isAdding) return
    this.#isUnmapping = true
    this.#end('lost', 'removed')
    // A request that is under way would map again after our removal: that one follows its answer.
    if (!isAdding) this.#ask({ type: 'delete' })
  }

  /** A datagram that answers a search; `from` is any machine of the LAN. */
  handleDatagram(data: Buffer, from: Address): void {
    const { gateway } = this.#options
    if (this.#phase !== 'probing' || from.ip !== gateway) return
    const url = decodeAnswer(data, gateway)
    if (url === undefined || this.#described.has(url)) return
    if (this.#described.size >= MAX_DESCRIPTIONS) return
    this.#described.add(url)
    this.#ahead.push({ type: 'describe', url })
    this.#next()
  }

  /** The answer to a request; undefined when there was none, or a longer one than allowed. */
  handleHttp(id: number, response: IgdHttpResponse | undefined, now: number): void {
    if (this.#step?.id !== id) return
    const { step } = this.#step
    this.#step = undefined
    const body = response?.body ?? ''
    const isOk = response?.status === 200
    switch (step.type) {
      case 'describe':
        return this.#handleDescription(isOk ? body : '', step.url)
      case 'address':
        return this.#handleAddress(isOk ? externalIpOf(body) : undefined, step.service)
      case 'add':
        return this.#handleAdded(response, now)
      case 'check':
        if (!isOk && faultOf(body) === NO_SUCH_ENTRY) this.#ask({ type: 'add' })
        return
      case 'delete':
        this.#isUnmapping = false
        return
      default:
        step satisfies never
    }
  }

  poll(now: number): IgdOutput | undefined {
    if (this.#phase === 'probing') this.#search(now)
    else if (this.#phase === 'mapped' && this.#step === undefined) this.#lookAfter(now)
    return this.#out.shift()
  }

  deadline(): number | undefined {
    if (this.#phase === 'probing') {
      const next = SEARCH_AT_MS[this.#searches]
      if (next !== undefined) return this.#startedAt + next
      // Requests under way end by themselves; then this one is over.
      const isBusy = this.#step !== undefined || this.#ahead.length > 0
      return isBusy ? undefined : this.#startedAt + SEARCH_PATIENCE_MS
    }
    if (this.#phase !== 'mapped' || this.#lease === undefined) return undefined
    const { expiresAt, renewAt, checkAt } = this.#lease
    return this.#step === undefined ? Math.min(expiresAt, renewAt, checkAt) : undefined
  }

  #search(now: number): void {
    const next = SEARCH_AT_MS[this.#searches]
    if (next !== undefined && now >= this.#startedAt + next) {
      this.#searches++
      // Some routers hear only one of the two; the group alone fails where multicast is dropped.
      const targets = [SSDP_GROUP, { ip: this.#options.gateway, port: SSDP_GROUP.port }]
      for (const target of SSDP_TARGETS) {
        const data = encodeSearch(target)
        for (const to of targets) this.#out.push({ type: 'datagram', to, data })
      }
    }
    if (now < this.#startedAt + SEARCH_PATIENCE_MS) return
    if (this.#step !== undefined || this.#ahead.length > 0) return
    if (this.#described.size === 0) this.#end('absent', undefined)
    else this.#end('refused', 'UPnP is there, but no mapping of ports, or no outer address')
  }

  #next(): void {
    if (this.#step !== undefined || this.#phase !== 'probing') return
    const step = this.#ahead.shift()
    if (step) this.#ask(step)
  }

  #handleDescription(document: string, url: string): void {
    const services = servicesOf(document, url, this.#options.gateway)
    this.#ahead.unshift(...services.map(service => ({ type: 'address', service }) as const))
    this.#next()
  }

  /** A service without an address belongs to a line that is not up (routers list PPP beside IP). */
  #handleAddress(ip: string | undefined, service: IgdService): void {
    if (ip !== undefined && this.#phase === 'probing') {
      this.#externalIp = ip
      this.#service = service
      this.#phase = 'available'
      this.#ahead = []
    }
    this.#next()
  }

  #handleAdded(response: IgdHttpResponse | undefined, now: number): void {
    if (this.#isUnmapping) return this.#ask({ type: 'delete' })
    if (response?.status === 200) {
      this.#phase = 'mapped'
      const leaseMs = LEASE_SECONDS * 1000
      this.#lease = {
        expiresAt: now + leaseMs,
        renewAt: now + leaseMs / 2,
        checkAt: now + TRUST_MS,
      }
      return
    }
    const fault = faultOf(response?.body ?? '')
    if (fault === ONLY_PERMANENT && this.#leaseSeconds > 0) {
      this.#leaseSeconds = 0
      return this.#ask({ type: 'add' })
    }
    if (fault !== undefined && CONFLICTS.has(fault) && ++this.#portTries < MAX_PORT_TRIES) {
      this.#externalPort = 20_000 + Math.floor(this.#options.random() * 40_000)
      return this.#ask({ type: 'add' })
    }
    if (this.#lease === undefined || fault !== undefined) {
      return this.#end('refused', refusalOf(fault))
    }
    // No answer to a renewal: asked again at half of what is left.
    const left = this.#lease.expiresAt - now
    this.#lease = { ...this.#lease, renewAt: now + left / 2, checkAt: now + TRUST_MS }
  }

  #lookAfter(now: number): void {
    if (this.#lease === undefined) return
    if (now >= this.#lease.expiresAt) {
      this.#end('lost', 'the router did not renew the mapping')
    } else if (now >= this.#lease.renewAt) {
      this.#ask({ type: 'add' })
    } else if (now >= this.#lease.checkAt) {
      this.#lease = { ...this.#lease, checkAt: now + TRUST_MS }
      this.#ask({ type: 'check' })
    }
  }

  #ask(step: Step): void {
    const id = ++this.#lastId
    this.#step = { id, step }
    const request = this.#request(step)
    this.#out.push({ type: 'http', id, ...request })
  }

  #request(step: Step): Pick<IgdHttpRequest, 'method' | 'url' | 'headers' | 'body'> {
    if (step.type === 'describe') return { method: 'GET', url: step.url, headers: {}, body: '' }
    const service = step.type === 'address' ? step.service : this.#service
    // Only `available` leads to a mapping, and only a service to `available`.
    if (service === undefined) throw new Error('a mapping without a service')
    if (step.type === 'address') {
      return { method: 'POST', ...soapRequest(service, 'GetExternalIPAddress') }
    }
    const entry = {
      NewRemoteHost: '',
      NewExternalPort: this.#externalPort,
      NewProtocol: 'UDP',
    }
    if (step.type === 'check') {
      return { method: 'POST', ...soapRequest(service, 'GetSpecificPortMappingEntry', entry) }
    }
    if (step.type === 'delete') {
      return { method: 'POST', ...soapRequest(service, 'DeletePortMapping', entry) }
    }
    // In the order of the standard: some routers read by position.
    const mapping = {
      ...entry,
      NewInternalPort: this.#options.internalPort,
      NewInternalClient: this.#options.localIp,
      NewEnabled: 1,
      NewPortMappingDescription: 'quicfrp',
      NewLeaseDuration: this.#leaseSeconds,
    }
    return { method: 'POST', ...soapRequest(service, 'AddPortMapping', mapping) }
  }

  #end(phase: 'absent' | 'refused' | 'lost', reason: string | undefined): void {
    this.#phase = phase
    this.#reason = reason
    this.#lease = undefined
    this.#ahead = []
  }
}

function refusalOf(fault: number | undefined): string {
  if (fault === undefined) return 'the router did not answer the request for a mapping (UPnP)'
  if (fault === NOT_AUTHORIZED) return 'port mapping is switched off in the router (UPnP 606)'
  if (CONFLICTS.has(fault)) return `the ports that were tried are taken (UPnP ${fault})`
  return `the router refused the mapping (UPnP ${fault})`
}
