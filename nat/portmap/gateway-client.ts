// One protocol of port 5351 (PCP or NAT-PMP) towards one gateway: asks whether it is there, maps a
// port, renews, looks after it, removes it. Sans-IO.
//
// The gateway announces a restart by multicast only to who listens on port 5350, which belongs to
// the system. So it is asked every ten minutes instead, and its epoch (RFC 6886 §3.6, RFC 6887
// §8.5) tells whether it has forgotten what it granted.

import type { GatewayAnswer, GatewayCodec } from './gateway-codec.ts'
import { LEASE_SECONDS, TRUST_MS, type PortMapping, type ProtocolReport } from './types.ts'
import type { MappingClient } from './mapping-client.ts'

/** When a probe is sent, and when it counts as unanswered: a router of the LAN answers in 5 ms. */
const PROBE_AT_MS: readonly number[] = [0, 100]
const PROBE_PATIENCE_MS = 250

/** Writing a rule takes some routers a second. */
const MAP_AT_MS: readonly number[] = [0, 250, 750]
const MAP_PATIENCE_MS = 2000

/** Shorter leases are refused: they would have us talk to the router all the time. */
const SHORTEST_LEASE_SECONDS = 30

/** Between two attempts to renew (RFC 6887 §11.2.1). */
const SHORTEST_RENEWAL_MS = 4000

/** Rounding of the gateway's clock, and a packet that was under way (RFC 6886 §3.6). */
const EPOCH_SLACK_SECONDS = 2

interface Exchange {
  readonly kind: 'probe' | 'map' | 'unmap'
  readonly startedAt: number
  sent: number
}

interface Lease {
  readonly externalPort: number
  readonly expiresAt: number
  readonly renewAt: number
}

export interface GatewayClientOptions {
  /** The port of this machine that is to be mapped. */
  readonly internalPort: number
}

/** What `poll` gives goes to GATEWAY_PORT of the gateway. Times in milliseconds. */
export class GatewayClient implements MappingClient<Buffer> {
  readonly #codec: GatewayCodec
  readonly #internalPort: number
  #phase: ProtocolReport['phase'] = 'probing'
  #reason: string | undefined
  #externalIp: string | undefined
  #exchange: Exchange | undefined
  #lease: Lease | undefined
  #checkAt: number | undefined
  #epoch: { readonly seconds: number; readonly at: number } | undefined

  constructor(codec: GatewayCodec, { internalPort }: GatewayClientOptions, now: number) {
    this.#codec = codec
    this.#internalPort = internalPort
    this.#exchange = { kind: 'probe', startedAt: now, sent: 0 }
  }

  get report(): ProtocolReport {
    return {
      protocol: this.#codec.protocol,
      phase: this.#phase,
      reason: this.#reason,
      externalIp: this.#externalIp,
    }
  }

  get mapping(): PortMapping | undefined {
    if (this.#phase !== 'mapped' || this.#lease === undefined) return undefined
    // NAT-PMP says the address in the answer to the probe, so it is known by now.
    if (this.#externalIp === undefined) return undefined
    return {
      protocol: this.#codec.protocol,
      internalPort: this.#internalPort,
      external: { ip: this.#externalIp, port: this.#lease.externalPort },
    }
  }

  map(now: number): void {
    if (this.#phase !== 'available') return
    this.#phase = 'mapping'
    this.#exchange = { kind: 'map', startedAt: now, sent: 0 }
  }

  unmap(now: number): void {
    if (this.#lease === undefined && this.#exchange?.kind !== 'map') return
    this.#end('lost', 'removed')
    this.#exchange = { kind: 'unmap', startedAt: now, sent: 0 }
  }

  get isUnmapping(): boolean {
    return this.#exchange?.kind === 'unmap'
  }

  /** A datagram from port 5351 of the gateway; others are not to be given. */
  handleDatagram(data: Buffer, now: number): void {
    const answer = this.#codec.decode(data)
    if (answer === undefined) return
    if (this.#exchange?.kind === 'unmap') {
      if (answer.type !== 'alive') this.#exchange = undefined
      return
    }
    if (answer.type === 'refused') return this.#handleRefusal(answer)
    if (this.#phase === 'absent' || this.#phase === 'refused' || this.#phase === 'lost') return
    const hasForgotten = this.#hasRestarted(answer.epochSeconds, now)
    this.#epoch = { seconds: answer.epochSeconds, at: now }
    if (answer.externalIp !== undefined && isAddress(answer.externalIp)) {
      this.#externalIp = answer.externalIp
    }
    if (answer.type === 'mapped') return this.#handleMapped(answer, now)
    if (this.#exchange?.kind === 'probe') this.#exchange = undefined
    if (this.#phase === 'probing') this.#phase = 'available'
    if (hasForgotten && this.#lease !== undefined) this.#renew(now)
  }

  poll(now: number): Buffer | undefined {
    this.#expire(now)
    if (this.#exchange === undefined && this.#phase === 'mapped') this.#lookAfter(now)
    const exchange = this.#exchange
    if (exchange === undefined) return undefined
    const [times] = scheduleOf(exchange.kind)
    const next = times[exchange.sent]
    if (next === undefined || now < exchange.startedAt + next) return undefined
    exchange.sent++
    return this.#message(exchange.kind)
  }

  deadline(): number | undefined {
    const times: number[] = []
    if (this.#exchange !== undefined) {
      const { kind, startedAt, sent } = this.#exchange
      const [schedule, patienceMs] = scheduleOf(kind)
      times.push(startedAt + (schedule[sent] ?? patienceMs))
    } else if (this.#phase === 'mapped' && this.#checkAt !== undefined) {
      times.push(this.#checkAt)
      if (this.#lease) times.push(this.#lease.renewAt)
    }
    if (this.#lease) times.push(this.#lease.expiresAt)
    return times.length > 0 ? Math.min(...times) : undefined
  }

  #message(kind: Exchange['kind']): Buffer {
    if (kind === 'probe') return this.#codec.probe()
    return this.#codec.map({
      internalPort: this.#internalPort,
      // The port that servers see is often the inner one; the same number keeps it so.
      externalPort: this.#lease?.externalPort ?? this.#internalPort,
      leaseSeconds: kind === 'map' ? LEASE_SECONDS : 0,
    })
  }

  #handleRefusal({ to, reason }: GatewayAnswer & { type: 'refused' }): void {
    if (this.#exchange?.kind !== to) return
    // While a lease runs, a refused look after it says nothing about the mapping.
    if (to === 'probe' && this.#phase !== 'probing') this.#exchange = undefined
    else this.#end('refused', reason)
  }

  #handleMapped(answer: GatewayAnswer & { type: 'mapped' }, now: number): void {
    if (this.#exchange?.kind !== 'map' || answer.internalPort !== this.#internalPort) return
    if (answer.externalPort === 0 || this.#externalIp === undefined) {
      return this.#end('refused', 'the router answered without a port or an address')
    }
    if (answer.leaseSeconds < SHORTEST_LEASE_SECONDS) {
      return this.#end('refused', 'the router maps for less than half a minute')
    }
    const leaseMs = Math.min(answer.leaseSeconds, LEASE_SECONDS) * 1000
    this.#exchange = undefined
    this.#phase = 'mapped'
    this.#checkAt = now + TRUST_MS
    this.#lease = {
      externalPort: answer.externalPort,
      expiresAt: now + leaseMs,
      renewAt: now + leaseMs / 2,
    }
  }

  #hasRestarted(seconds: number, now: number): boolean {
    if (this.#epoch === undefined) return false
    // A clock of the gateway that is up to an eighth slow is a clock, not a restart.
    const passed = ((now - this.#epoch.at) / 1000) * (7 / 8)
    return seconds < this.#epoch.seconds + passed - EPOCH_SLACK_SECONDS
  }

  #expire(now: number): void {
    if (this.#lease !== undefined && now >= this.#lease.expiresAt) {
      return this.#end('lost', 'the router did not renew the mapping')
    }
    const exchange = this.#exchange
    if (exchange === undefined) return
    const [, patienceMs] = scheduleOf(exchange.kind)
    if (now < exchange.startedAt + patienceMs) return
    this.#exchange = undefined
    if (exchange.kind === 'unmap') return
    if (this.#lease !== undefined) {
      // Asked again at half of what is left, like a lease of DHCP.
      const { expiresAt } = this.#lease
      const renewAt = now + Math.max(SHORTEST_RENEWAL_MS, (expiresAt - now) / 2)
      this.#lease = { ...this.#lease, renewAt }
      this.#checkAt = now + TRUST_MS
    } else if (exchange.kind === 'probe') {
      this.#end('absent', undefined)
    } else {
      this.#end('refused', 'the router did not answer the request for a mapping')
    }
  }

  #lookAfter(now: number): void {
    if (this.#lease !== undefined && now >= this.#lease.renewAt) this.#renew(now)
    else if (this.#checkAt !== undefined && now >= this.#checkAt) {
      this.#checkAt = now + TRUST_MS
      this.#exchange = { kind: 'probe', startedAt: now, sent: 0 }
    }
  }

  #renew(now: number): void {
    this.#exchange = { kind: 'map', startedAt: now, sent: 0 }
  }

  #end(phase: 'absent' | 'refused' | 'lost', reason: string | undefined): void {
    this.#phase = phase
    this.#reason = reason
    this.#exchange = undefined
    this.#lease = undefined
  }
}

function scheduleOf(kind: Exchange['kind']): readonly [readonly number[], number] {
  return kind === 'probe' ? [PROBE_AT_MS, PROBE_PATIENCE_MS] : [MAP_AT_MS, MAP_PATIENCE_MS]
}

/** 0.0.0.0 is what a router without a provider says. */
function isAddress(ip: string): boolean {
  return ip !== '0.0.0.0' && ip !== '255.255.255.255'
}
