// Keeps one UDP port of this machine mapped on its gateway, by the best protocol that the gateway
// speaks: all are asked at once, PCP is preferred to NAT-PMP to UPnP. Sans-IO.
//
// The better one is waited for only as long as it is being asked (250 ms): a gateway that speaks
// both answers both at once, one that speaks neither costs nobody time.

import type { Address } from '../../lib/address.ts'
import { GatewayClient } from './gateway-client.ts'
import { GATEWAY_PORT } from './gateway-codec.ts'
import { IgdClient, type IgdHttpResponse, type IgdOutput } from './igd-client.ts'
import type { MappingClient } from './mapping-client.ts'
import { NatPmpCodec } from './nat-pmp.ts'
import { PCP_NONCE_BYTES, PcpCodec } from './pcp.ts'
import { TRUST_MS, type PortMapping, type ProtocolReport } from './types.ts'

export interface PortMapperOptions {
  /** IPv4 address of the default gateway. */
  readonly gateway: string
  /** IPv4 address of this machine as the gateway sees it. */
  readonly localIp: string
  readonly internalPort: number
  /** 0 <= x < 1; for the nonce and for ports. */
  readonly random: () => number
}

/**
 * `changed`: there is another mapping, or none any more. `settled`: the first search is over, with
 * or without a mapping. `removed`: after `remove`, nothing is under way any more.
 */
export type PortMapperOutput =
  | IgdOutput
  | { readonly type: 'changed'; readonly mapping: PortMapping | undefined }
  | { readonly type: 'settled' }
  | { readonly type: 'removed' }

/**
 * Datagrams come from and go to one UDP socket that is not the mapped one. Times in milliseconds;
 * begins at once, looks again after TRUST_MS where nothing was found.
 */
export class PortMapper {
  readonly #options: PortMapperOptions
  readonly #nonce: Buffer
  #pcp: GatewayClient
  #natPmp: GatewayClient
  #igd: IgdClient
  #chosen: MappingClient<unknown> | undefined
  #told: PortMapping | undefined
  #searchAt: number | undefined
  #isSettled = false
  #removal: 'none' | 'asked' | 'told' = 'none'

  constructor(options: PortMapperOptions, now: number) {
    this.#options = options
    // One for all searches: the gateway knows the mapping of a run by it.
    this.#nonce = Buffer.from(
      Array.from({ length: PCP_NONCE_BYTES }, () => Math.floor(options.random() * 256)),
    )
    ;({ pcp: this.#pcp, natPmp: this.#natPmp, igd: this.#igd } = this.#clients(now))
  }

  get mapping(): PortMapping | undefined {
    return this.#chosen?.mapping
  }

  /** Best first. */
  get reports(): readonly ProtocolReport[] {
    return [this.#pcp.report, this.#natPmp.report, this.#igd.report]
  }

  handleDatagram(data: Buffer, from: Address, now: number): void {
    if (from.port === GATEWAY_PORT) {
      if (from.ip !== this.#options.gateway) return
      this.#pcp.handleDatagram(data, now)
      this.#natPmp.handleDatagram(data, now)
    } else {
      this.#igd.handleDatagram(data, from)
    }
  }

  /** The answer to an `http` output; undefined where there was none. */
  handleHttp(id: number, response: IgdHttpResponse | undefined, now: number): void {
    this.#igd.handleHttp(id, response, now)
  }

  /** Gives the mapping back. `removed` follows, after 2 s or an HTTP request at the latest. */
  remove(now: number): void {
    if (this.#removal !== 'none') return
    this.#removal = 'asked'
    this.#searchAt = undefined
    this.#chosen?.unmap(now)
  }

  poll(now: number): PortMapperOutput | undefined {
    const output = this.#pollClients(now)
    if (output) return output
    if (this.#removal !== 'none') return this.#pollRemoval()
    const { mapping } = this
    if (!isSame(mapping, this.#told)) {
      this.#told = mapping
      return { type: 'changed', mapping }
    }
    if (this.#chosen === undefined || this.#hasFailed(this.#chosen)) this.#choose(now)
    // A choice that was made just now has something to send.
    const first = this.#pollClients(now)
    if (first) return first
    if (!this.#isSettled && (this.mapping !== undefined || this.#searchAt !== undefined)) {
      this.#isSettled = true
      return { type: 'settled' }
    }
    return undefined
  }

  deadline(): number | undefined {
    const clients = [this.#pcp, this.#natPmp, this.#igd]
    const times = [this.#searchAt, ...clients.map(client => client.deadline())]
    const known = times.filter(time => time !== undefined)
    return known.length > 0 ? Math.min(...known) : undefined
  }

  #pollClients(now: number): IgdOutput | undefined {
    const data = this.#pcp.poll(now) ?? this.#natPmp.poll(now)
    if (data === undefined) return this.#igd.poll(now)
    return { type: 'datagram', to: { ip: this.#options.gateway, port: GATEWAY_PORT }, data }
  }

  #pollRemoval(): PortMapperOutput | undefined {
    if (this.#removal === 'told' || this.#chosen?.isUnmapping) return undefined
    this.#removal = 'told'
    return { type: 'removed' }
  }

  /** The best one that would map, once no better one is still being asked. */
  #choose(now: number): void {
    if (this.#searchAt !== undefined) {
      if (now >= this.#searchAt) this.#searchAgain(now)
      return
    }
    for (const client of [this.#pcp, this.#natPmp, this.#igd]) {
      const { phase } = client.report
      if (phase === 'probing') return
      if (phase !== 'available') continue
      this.#chosen = client
      return client.map(now)
    }
    // What was mapped and is lost may come back at once, as after a restart of the router.
    const wasMapped = this.#chosen?.report.phase === 'lost'
    this.#chosen = undefined
    if (wasMapped) this.#searchAgain(now)
    else this.#searchAt = now + TRUST_MS
  }

  #searchAgain(now: number): void {
    this.#searchAt = undefined
    ;({ pcp: this.#pcp, natPmp: this.#natPmp, igd: this.#igd } = this.#clients(now))
  }

  #hasFailed(client: MappingClient<unknown>): boolean {
    const { phase } = client.report
    return phase === 'refused' || phase === 'lost'
  }

  #clients(now: number): { pcp: GatewayClient; natPmp: GatewayClient; igd: IgdClient } {
    const { localIp, internalPort } = this.#options
    const port = { internalPort }
    return {
      pcp: new GatewayClient(new PcpCodec(localIp, this.#nonce), port, now),
      natPmp: new GatewayClient(new NatPmpCodec(), port, now),
      igd: new IgdClient(this.#options, now),
    }
  }
}

function isSame(a: PortMapping | undefined, b: PortMapping | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.protocol === b.protocol &&
    a.external.ip === b.external.ip &&
    a.external.port === b.external.port
  )
}
